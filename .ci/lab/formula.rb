# Installs a formula of Homebrew as brew does, with the part of its interface that fetchpool.rb uses:
#
#     ruby .ci/lab/formula.rb FORMULA PREFIX
#
# Downloads the archive for this system, verifies it, runs `install` in it, and then `test`.
require "digest"
require "fileutils"
require "open3"
require "tmpdir"

PREFIX = File.absolute_path(ARGV[1])

# A directory of the prefix, whose `install` takes a file, or { file => its new name }.
class Place < String
  def install(files)
    files = { files => File.basename(files) } if files.is_a?(String)
    FileUtils.mkdir_p(self)
    files.each { |file, name| FileUtils.cp(file, File.join(self, name)) }
  end
end

class Formula
  # These are read back by `install_from`, so that each keeps the last value.
  %i[desc homepage version license url sha256].each do |name|
    define_singleton_method(name) { |*value| value.empty? ? @fields[name] : (@fields ||= {})[name] = value.first }
  end
  def self.on_macos = RUBY_PLATFORM.include?("darwin") && yield
  def self.on_linux = RUBY_PLATFORM.include?("linux") && yield
  def self.on_arm = RUBY_PLATFORM.match?(/aarch64|arm64/) && yield
  def self.on_intel = RUBY_PLATFORM.include?("x86_64") && yield
  def self.test(&block) = define_method(:run_test, &block)
  def self.inherited(formula) = (@@formula = formula)
  def self.last = @@formula

  { bin: "bin", man1: "share/man/man1", bash_completion: "etc/bash_completion.d",
    zsh_completion: "share/zsh/site-functions", fish_completion: "share/fish/vendor_completions.d" }.each do |name, path|
    define_method(name) { Place.new(File.join(PREFIX, path)) }
  end
  def version = self.class.version
  def shell_output(command) = `#{command}`
  def assert_equal(wanted, found) = wanted == found || abort("FAILED: #{found} instead of #{wanted}")
end

load File.absolute_path(ARGV[0])
formula = Formula.last
%i[desc homepage license].each { |name| formula.send(name) or abort("FAILED: no #{name}") }
Dir.mktmpdir do |directory|
  archive = File.join(directory, "archive.tar.gz")
  system("curl", "-fsS", "-o", archive, formula.url, exception: true)
  found = Digest::SHA256.file(archive).hexdigest
  found == formula.sha256 or abort("FAILED: #{formula.url} has the digest #{found}")
  system("tar", "-xzf", archive, "-C", directory, exception: true)
  # brew goes into the only directory of an archive.
  Dir.chdir(Dir.glob("#{directory}/*/").first) { formula.new.install }
end
formula.new.run_test
