/// How long it takes to fill a root from an archive: dboot's unpacking and the command that people
/// use, alternating, five times each, into the same kind of tmpfs. Prints the medians and their
/// ratio, then what a root takes of memory and what unpacking 200,000 entries does. tools/bench
/// runs it with the directory of the archives.

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "injector/progress.hpp"
#include "injector/rootfs/unpack.hpp"
#include "injector/staging.hpp"
#include "injector/stream/file_stream.hpp"
#include "shared/syscalls.hpp"

namespace dboot {
namespace {

namespace fs = std::filesystem;

constexpr int rounds = 5;
constexpr std::uint64_t root_bytes = std::uint64_t{4} << 30U;
constexpr std::uint64_t root_entries = 1'000'000;
constexpr double mib = 1U << 20U;

void unpack(const std::string& archive, int root) {
  Progress progress(0);
  rootfs::unpack(file_stream(sys::open(archive, O_RDONLY), archive), root, progress, archive);
}

/// Runs a command that finds the root in its working directory.
void run(std::vector<std::string> words, int root) {
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addfchdir_np(&actions, root);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, argv.front(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) sys::fail(error, {"run ", words.front()});
  int status = 0;
  sys::check(::waitpid(child, &status, 0), "wait for ", words.front());
  if (status != 0) throw std::runtime_error(words.front() + " has failed");
}

struct Cost {
  double seconds;
  double processor_seconds;  ///< of all threads and children
};

double processor_seconds() {
  double sum = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime}) {
      sum += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    }
  }
  return sum;
}

Cost cost(const std::function<void(int root)>& fill) {
  const Staging staging(root_bytes, root_entries);
  const double used = processor_seconds();
  const auto begin = std::chrono::steady_clock::now();
  fill(staging.root());
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(),
          processor_seconds() - used};
}

/// Of each by itself.
Cost median(std::vector<Cost> costs) {
  const auto middle = costs.begin() + static_cast<std::ptrdiff_t>(costs.size() / 2);
  std::ranges::nth_element(costs, middle, {}, &Cost::seconds);
  const double seconds = middle->seconds;
  std::ranges::nth_element(costs, middle, {}, &Cost::processor_seconds);
  return {seconds, middle->processor_seconds};
}

void compare(const std::string& archive, const std::vector<std::string>& command, double wanted) {
  std::vector<Cost> ours;
  std::vector<Cost> theirs;
  for (int round = 0; round < rounds; ++round) {
    theirs.push_back(cost([&](int root) { run(command, root); }));
    ours.push_back(cost([&](int root) { unpack(archive, root); }));
  }
  std::string line;
  for (const auto& word : command)
    line += word == archive ? fs::path(word).filename().string() + " " : word + " ";
  const Cost their = median(theirs);
  const Cost our = median(ours);
  std::printf("%-30s %6.2f s   dboot %6.2f s   %5.2fx (wanted: %.1fx)   processor %.2f s, %.2f s\n",
              line.c_str(), their.seconds, our.seconds, their.seconds / our.seconds, wanted,
              their.processor_seconds, our.processor_seconds);
  std::fflush(stdout);
}

std::uint64_t pages(std::uint64_t bytes) {
  return (bytes + 4095) / 4096;
}

/// What the files need in whole pages, and what the tmpfs has taken for them.
void memory_of(const std::string& archive) {
  const Staging staging(root_bytes, root_entries);
  unpack(archive, staging.root());
  std::uint64_t needed = 0;
  const std::string path = "/proc/self/fd/" + std::to_string(staging.root()) + "/.";
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (entry.is_regular_file() && !entry.is_symlink()) {
      needed += pages(entry.file_size()) / entry.hard_link_count();
    }
  }
  struct statvfs status {};
  sys::check(::fstatvfs(staging.root(), &status), "statvfs");
  const auto taken = (status.f_blocks - status.f_bfree) * status.f_frsize;
  std::printf("RAM taken %.1f MiB, files in pages %.1f MiB: %.3fx (wanted: at most 1.02x)\n",
              static_cast<double>(taken) / mib, static_cast<double>(needed) * 4096 / mib,
              static_cast<double>(taken) / static_cast<double>(needed * 4096));
}

/// 200,000 files and directories, gzip.
void write_many(const std::string& archive) {
  struct archive* writer = ::archive_write_new();
  ::archive_write_set_format_pax_restricted(writer);
  ::archive_write_add_filter_gzip(writer);
  ::archive_write_open_filename(writer, archive.c_str());
  archive_entry* entry = ::archive_entry_new();
  constexpr int directories = 20'000;
  for (int directory = 0; directory < directories; ++directory) {
    const std::string name = "some/directory-with-a-long-name/number-" + std::to_string(directory);
    ::archive_entry_clear(entry);
    ::archive_entry_set_pathname(entry, name.c_str());
    ::archive_entry_set_mode(entry, S_IFDIR | 0755);
    ::archive_write_header(writer, entry);
    for (int file = 0; file < 9; ++file) {
      ::archive_entry_clear(entry);
      ::archive_entry_set_pathname(entry, (name + "/file-" + std::to_string(file)).c_str());
      ::archive_entry_set_mode(entry, S_IFREG | 0644);
      ::archive_entry_set_size(entry, 6);
      ::archive_write_header(writer, entry);
      ::archive_write_data(writer, "hello\n", 6);
    }
  }
  ::archive_entry_free(entry);
  ::archive_write_free(writer);
}

/// In a process of its own, whose peak nobody else has raised.
void peak_of(const std::string& archive) {
  const pid_t child = sys::check(::fork(), "fork");
  if (child == 0) {
    const Staging staging(root_bytes, root_entries);
    unpack(archive, staging.root());
    ::_exit(0);
  }
  int status = 0;
  rusage usage{};
  sys::check(::wait4(child, &status, 0, &usage), "wait");
  if (status != 0) throw std::runtime_error("unpacking " + archive + " has failed");
  std::printf("%-34s peak RSS %.1f MiB (wanted: at most 64)\n",
              fs::path(archive).filename().c_str(), static_cast<double>(usage.ru_maxrss) / 1024);
  std::fflush(stdout);
}

void bench(const std::string& directory) {
  const std::string tar = directory + "/root.tar";
  const std::string gzip = tar + ".gz";
  const std::string zstd = tar + ".zst";
  const std::string many = fs::temp_directory_path() / ("dboot-many-" + std::to_string(::getpid()));
  write_many(many);
  for (const auto& archive : {many, gzip, zstd}) peak_of(archive);
  fs::remove(many);
  memory_of(tar);
  compare(gzip, {"tar", "-xzf", gzip}, 3);
  compare(zstd, {"tar", "-I", "zstd", "-xf", zstd}, 1.3);
  compare(tar, {"bsdtar", "-xpf", tar}, 1.3);
}

}  // namespace
}  // namespace dboot

int main(int argc, char** argv) {
  if (argc != 2) return std::fputs("usage: archive-bench DIRECTORY\n", stderr), 2;
  dboot::bench(argv[1]);
}
