#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace dboot::rootfs {

/// Work that makes more work, for several threads. Last in, first out: a tree is walked in depth,
/// and little of it waits at any time.
template <class Task>
class TaskQueue {
 public:
  void push(Task task) {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
    changed_.notify_one();
  }

  /// The next task; empty when all are done, or after stop(). Whoever gets one calls done() after
  /// it, and pushes before that.
  std::optional<Task> pop() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_ || !tasks_.empty() || active_ == 0; });
    if (stopped_ || tasks_.empty()) return {};
    std::optional<Task> task(std::move(tasks_.back()));
    tasks_.pop_back();
    ++active_;
    return task;
  }
  void done() {
    const std::lock_guard lock(mutex_);
    if (--active_ == 0 && tasks_.empty()) changed_.notify_all();
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Task> tasks_;
  unsigned active_ = 0;
  bool stopped_ = false;
};

}  // namespace dboot::rootfs
