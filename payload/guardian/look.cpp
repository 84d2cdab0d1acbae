#include "payload/guardian/look.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <exception>

#include "payload/children/fork.hpp"
#include "shared/system/syscalls.hpp"

namespace dboot::guardian {
namespace {

constexpr std::string_view the_end = ".\n";

/// In the child.
void look(const std::vector<std::string>& names, const DeviceNodes& devices, int answer) {
  const auto open = [&](const std::string& node) {
    return devices.open(node, O_RDONLY | O_DIRECT | O_NONBLOCK);
  };
  for (const bool is_flushed : {false, true}) {
    for (const auto& name : names) {
      if (is_flushed) flush(name, open);
      sys::write_all(answer, encode({mark(name, names, open)}));
    }
  }
  sys::write_all(answer, the_end);
}

/// The latest of each device.
std::vector<Mark> latest(std::string_view text) {
  std::vector<Mark> marks;
  for (auto& mark : decode(text)) {
    const auto same = std::find_if(marks.begin(), marks.end(),
                                   [&](const Mark& other) { return other.device == mark.device; });
    if (same == marks.end()) {
      marks.push_back(std::move(mark));
    } else {
      *same = std::move(mark);
    }
  }
  return marks;
}

}  // namespace

bool Look::has_child() const noexcept {
  // It is reaped by the kernel (SIGCHLD is ignored).
  return pid_ > 0 && ::kill(pid_, 0) == 0;
}

bool Look::begin(const std::vector<std::string>& names, Clock::duration patience) noexcept {
  if (has_child()) return false;
  try {
    auto pipe = sys::make_pipe();
    const int answer = pipe.write.get();
    pid_ = fork_child("look at disks", {answer, devices_.mount()}, [&] {
      look(names, devices_, answer);
      ::_exit(0);
    });
    ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
    answer_ = std::move(pipe.read);
    text_.clear();
    end_ = Clock::now() + patience;
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

std::optional<Look::Result> Look::take() noexcept {
  if (!answer_) return std::nullopt;
  Result result;
  try {
    std::array<char, 4096> bytes;
    ssize_t count = 0;
    while ((count = ::read(answer_.get(), bytes.data(), bytes.size())) > 0)
      text_.append(bytes.data(), static_cast<std::size_t>(count));
    result.is_complete = text_.ends_with(the_end);
    result.is_over = result.is_complete || count == 0 || Clock::now() >= end_;
    // Whole lines alone.
    result.marks = latest(std::string_view(text_).substr(0, text_.rfind('\n') + 1));
  } catch (const std::exception&) {
    result = {{}, false, true};
  }
  if (result.is_over) stop();
  return result;
}

void Look::stop() noexcept {
  if (answer_ && has_child()) ::kill(pid_, SIGKILL);
  answer_.reset();
}

}  // namespace dboot::guardian
