# Part of .ci/lab/install: builds the container with docker or buildah, and runs it as the user that it names.

context=$scratch/context
mkdir "$scratch/linux"
cp "$artefacts/$name.tar.gz" "$scratch/linux"
.ci/container-context "$scratch/linux" "$context"
image=fetchpool-lab
case $(uname -m) in x86_64) arch=amd64 ;; *) arch=arm64 ;; esac
if docker info >/dev/null 2>&1; then
    docker build --quiet --build-arg "TARGETARCH=$arch" --tag "$image" --file "$context/Containerfile" "$context"
    trap 'status=$?; docker image rm "$image" >/dev/null || true; kill "$server"; at_exit "$status"' EXIT
    contained=(docker run --rm --network host --volume "$scratch/work:/work" "$image")
else
    echo "no docker daemon is here: buildah builds the same file"
    need buildah buildah
    # Its own storage, of plain files, which needs no overlay file system.
    buildah=(buildah --storage-driver vfs --root "$scratch/images" --runroot "$scratch/running")
    if "${buildah[@]}" build --isolation chroot --build-arg "TARGETARCH=$arch" --tag "$image" "$context"; then
        container=$("${buildah[@]}" from --pull-never "$image")
        contained=("${buildah[@]}" run --isolation chroot --volume "$scratch/work:/work" "$container" -- /usr/bin/fetchpool)
    else
        .ci/left-out "neither docker nor buildah can build a container; nothing was run in one"
        contained=()
    fi
fi
if [ "${#contained[@]}" -gt 0 ]; then
    mkdir -m 777 "$scratch/work"
    page=$address/$repository/releases/download/v$version/fetchpool.rb
    unproxied "${contained[@]}" -o pages "$page"
    saved=$(find "$scratch/work/pages" -name fetchpool.rb)
    cmp "$saved" "$artefacts/fetchpool.rb"
    [ "$(stat -c %u "$saved")" = 65532 ] || fail "the container does not run as user 65532"
    echo "the container has fetched a page as user 65532"
fi
