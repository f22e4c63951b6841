# Part of .ci/lab/install: the step of action.yml, with releases that are right, forged and without proof.

for other in forged unproven; do
    mkdir -p "$scratch/site/owner/$other"
    cp -r "$scratch/site/$repository/releases" "$scratch/site/owner/$other/"
done
sed -i 's/^[0-9a-f]*/0000000000000000000000000000000000000000000000000000000000000000/' \
    "$scratch/site/owner/forged/releases/download/v$version/SHA256SUMS"
ruby -ryaml -rjson -e 'puts YAML.load_file("action.yml").to_json' >"$scratch/action.json"
unproxied python3 .ci/lab/action.py "$address" "$repository" <"$scratch/action.json"
