#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <optional>
#include <set>

#include "injector/command/command.hpp"
#include "injector/failure.hpp"
#include "injector/from_host/adapt.hpp"
#include "injector/image/overrides.hpp"
#include "injector/open_image.hpp"
#include "injector/options.hpp"
#include "injector/progress.hpp"
#include "shared/system/syscalls.hpp"
#include "tests/hostile/canary.hpp"
#include "tests/hostile/hostile_image.hpp"
#include "tests/sandbox/sandbox_host.hpp"
#include "tests/support/temporary_directory.hpp"

// Images that want out of their root. None writes or reads outside, none crashes who unpacks it,
// and each is refused with a message that names the entry, or does its harm inside.
namespace dboot::hostile {

/// For GoogleTest.
void PrintTo(const HostileImage& image, std::ostream* out);

std::string Place::file(const std::string& name, const std::string& content) const {
  write_text(directory / name, content);
  return directory / name;
}

void PrintTo(const HostileImage& image, std::ostream* out) {
  *out << image.name;
}

namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
namespace fs = std::filesystem;

std::string output_of(int fd) {
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t size = 0; (size = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

struct Result {
  int status;  ///< of the process, negative for the signal that killed it
  std::string output;
};

/// Runs `work` in a child, with its output on a pipe.
Result in_child(const std::function<int()>& work) {
  std::array<int, 2> ends{};
  sys::check(::pipe2(ends.data(), O_CLOEXEC), "pipe");
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);
  const pid_t pid = sys::check(::fork(), "fork");
  if (pid == 0) {
    ::dup2(write_end.get(), STDOUT_FILENO);
    ::dup2(write_end.get(), STDERR_FILENO);
    ::_exit(work());
  }
  write_end.reset();
  Result result{0, output_of(read_end.get())};
  int status = 0;
  ::waitpid(pid, &status, 0);
  result.status = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  return result;
}

/// The canary lies beside the root, on the same filesystem, which is small.
class Hostile : public ::testing::TestWithParam<HostileImage> {
 protected:
  static void SetUpTestSuite() {
    sys::check(::unshare(CLONE_NEWNS), "unshare the mounts");
    sys::check(::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make them private");
  }

  Hostile() : base_(directory_ / "base") {
    fs::create_directories(base_);
    fs::create_directories(directory_ / "image");
    sys::check(::mount("hostile", base_.c_str(), "tmpfs", MS_STRICTATIME,
                       "size=16m,nr_inodes=8192,mode=755"),
               "mount a tmpfs");
    fs::create_directory(base_ / "root");
    canary_.emplace(base_ / "canary");
    arguments_ = GetParam().options;
    arguments_.push_back(GetParam().build({directory_ / "image", canary_->path()}));
  }
  ~Hostile() override {
    canary_.reset();
    ::umount2(base_.c_str(), MNT_DETACH);
  }

  /// What dboot-inject does with it, into a directory that can be looked at.
  int prepare() const {
    std::vector<const char*> argv{"dboot-inject"};
    for (const auto& argument : arguments_) argv.push_back(argument.c_str());
    try {
      const Options options = options::parse(static_cast<int>(argv.size()), argv.data());
      const UniqueFd root = open_directory(base_ / "root");
      const auto source = image::open(options.image, {});
      Progress progress(0);
      source->unpack(root.get(), progress);
      rootfs::adapt(root.get(), {"127.0.0.1 localhost\n", "nameserver 192.0.2.1\n"}, {"box", true});
      rootfs::find_command(root.get(), with_overrides(source->config(), options.overrides), {},
                           options.user);
      return 0;
    } catch (const std::exception& error) {
      std::cerr << error.what() << std::endl;
      return exit_status::failed;
    }
  }

  void expect_nothing_outside() const {
    EXPECT_THAT(canary_->disturbances(), IsEmpty());
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(base_))
      names.push_back(entry.path().filename());
    EXPECT_THAT(names, ::testing::UnorderedElementsAre("root", "canary"));
  }

  TemporaryDirectory directory_;
  const fs::path base_;
  std::optional<Canary> canary_;
  std::vector<std::string> arguments_;
};

std::string name_of(const ::testing::TestParamInfo<HostileImage>& info) {
  return info.param.name;
}

TEST_P(Hostile, ImageStaysInItsRoot) {
  const Result result = in_child([this] { return prepare(); });
  expect_nothing_outside();
  const bool refused = *GetParam().message != '\0';
  EXPECT_EQ(result.status, refused ? 125 : 0) << result.output;
  std::string inside = GetParam().inside;
  if (inside.starts_with("CANARY")) inside.replace(0, 6, canary_->path().string().substr(1));
  if (!refused) {
    struct stat status {};
    EXPECT_EQ(::lstat((base_ / "root" / inside).c_str(), &status), 0) << inside;
  }
}

TEST_P(Hostile, ImageIsRefusedByItsEntryAndTheHostIsAsBefore) {
  const testing::SandboxHost host;
  const auto before = host.state();
  std::vector<std::string> command{DBOOT_INJECT, "--dry-run"};
  command.insert(command.end(), arguments_.begin(), arguments_.end());
  const auto result = host.run(command);
  expect_nothing_outside();
  EXPECT_THAT(testing::differences(before, host.state()), IsEmpty());
  if (*GetParam().message == '\0') {
    EXPECT_EQ(result.status, 0) << result.output;
  } else {
    EXPECT_THAT(result.status, AnyOf(125, 126, 127)) << result.output;
    EXPECT_THAT(result.output, HasSubstr(GetParam().message));
    EXPECT_THAT(result.output, HasSubstr("to mend it: "));
  }
}

/// A sample, whose system calls are looked at one by one.
class SystemCalls : public Hostile {
 protected:
  /// The lines of an strace of dboot-inject.
  std::vector<std::string> trace() const {
    const std::string file = directory_ / "strace";
    std::vector<std::string> command{"strace",      "-f",         "-qq",      "-s",          "4096",
                                     "-o",          file,         "-e",       "trace=%file", "-e",
                                     "signal=none", DBOOT_INJECT, "--dry-run"};
    command.insert(command.end(), arguments_.begin(), arguments_.end());
    const testing::SandboxHost host;
    host.run(command);
    std::vector<std::string> lines;
    std::ifstream stream(file);
    for (std::string line; std::getline(stream, line);) {
      lines.push_back(line.substr(line.find_first_not_of("0123456789 ")));
    }
    return lines;
  }
};

/// Whether it makes, changes or removes something by a path that the kernel resolves without
/// bounds: from the working directory, or with more than one component.
bool changes_by_path(const std::string& line) {
  const std::string call = line.substr(0, line.find('('));
  static const std::set<std::string> unbounded{
      "mkdir", "rmdir", "creat",  "unlink",   "rename",   "link",      "symlink", "mknod",
      "chmod", "chown", "lchown", "truncate", "setxattr", "lsetxattr", "utime",   "utimes"};
  if (unbounded.contains(call)) return true;
  static const std::set<std::string> bounded{"mkdirat",  "unlinkat",  "renameat",  "renameat2",
                                             "linkat",   "symlinkat", "mknodat",   "fchmodat",
                                             "fchownat", "utimensat", "fchmodat2", "openat"};
  if (!bounded.contains(call)) return false;
  if (call == "openat" && line.find("O_CREAT") == std::string::npos &&
      line.find("O_WRONLY") == std::string::npos && line.find("O_RDWR") == std::string::npos) {
    return false;
  }
  // What a symlink says is no path of ours.
  std::string rest = call == "symlinkat" ? line.substr(line.find("\", ") + 3) : line;
  if (rest.find("AT_FDCWD") != std::string::npos) {
    return rest.find("\"/dev/") == std::string::npos &&
           rest.find("\"/proc/self/oom_score_adj\"") == std::string::npos;
  }
  for (auto quote = rest.find('"'); quote != std::string::npos; quote = rest.find('"', quote + 1)) {
    const auto end = rest.find('"', quote + 1);
    const std::string name = rest.substr(quote + 1, end - quote - 1);
    if (name == ".." || name.find('/') != std::string::npos) return true;
    quote = end;
  }
  return false;
}

TEST_P(SystemCalls, ResolveNoPathOfTheImageOutsideOfItsRoot) {
  const auto lines = trace();
  std::size_t inside = 0;
  for (const auto& line : lines) {
    EXPECT_FALSE(changes_by_path(line)) << line;
    if (line.starts_with("openat2(")) {
      EXPECT_THAT(line, AnyOf(HasSubstr("RESOLVE_IN_ROOT"), HasSubstr("RESOLVE_BENEATH"),
                              HasSubstr("RESOLVE_NO_SYMLINKS")));
      ++inside;
    } else if (line.find("AT_FDCWD") != std::string::npos) {
      EXPECT_THAT(line, Not(HasSubstr(canary_->path().string())));
    }
  }
  if (*GetParam().message == '\0') {
    EXPECT_GT(inside, 0U) << "what was traced is not what unpacks";
  }
  expect_nothing_outside();
}

std::vector<HostileImage> sample() {
  const std::set<std::string> wanted{"AbsoluteName",
                                     "WriteThroughAnAbsoluteLink",
                                     "ParentThatBecomesALink",
                                     "HardLinkToALink",
                                     "LinksOutsideAsConfigFiles",
                                     "EtcThatIsALinkOutside",
                                     "TmpThatIsALinkOutside",
                                     "WhiteoutThroughALink",
                                     "OpaqueThroughALink",
                                     "WorkingDirectoryThroughALink",
                                     "EntryThatChangesItsType",
                                     "BlobThatIsARelativeLinkOutside",
                                     "SavedLayerThatIsALinkOutside",
                                     "TreeWithLinksAndNodes"};
  std::vector<HostileImage> images;
  for (const auto& all : {names(), links(), config_files(), layers(), documents(), blobs()}) {
    std::copy_if(all.begin(), all.end(), std::back_inserter(images),
                 [&](const auto& image) { return wanted.contains(image.name); });
  }
  EXPECT_EQ(images.size(), wanted.size());
  return images;
}

INSTANTIATE_TEST_SUITE_P(Sample, SystemCalls, ::testing::ValuesIn(sample()), name_of);
INSTANTIATE_TEST_SUITE_P(Names, Hostile, ::testing::ValuesIn(names()), name_of);
INSTANTIATE_TEST_SUITE_P(Links, Hostile, ::testing::ValuesIn(links()), name_of);
INSTANTIATE_TEST_SUITE_P(Headers, Hostile, ::testing::ValuesIn(headers()), name_of);
INSTANTIATE_TEST_SUITE_P(ConfigFiles, Hostile, ::testing::ValuesIn(config_files()), name_of);
INSTANTIATE_TEST_SUITE_P(Streams, Hostile, ::testing::ValuesIn(streams()), name_of);
INSTANTIATE_TEST_SUITE_P(Layers, Hostile, ::testing::ValuesIn(layers()), name_of);
INSTANTIATE_TEST_SUITE_P(Documents, Hostile, ::testing::ValuesIn(documents()), name_of);
INSTANTIATE_TEST_SUITE_P(Blobs, Hostile, ::testing::ValuesIn(blobs()), name_of);

}  // namespace
}  // namespace dboot::hostile
