#include <fcntl.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <sstream>

#include "injector/failure.hpp"
#include "injector/image/overrides.hpp"
#include "injector/image/source.hpp"
#include "injector/options.hpp"
#include "injector/progress.hpp"
#include "injector/rootfs/adapt.hpp"
#include "injector/rootfs/command.hpp"
#include "shared/syscalls.hpp"
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
