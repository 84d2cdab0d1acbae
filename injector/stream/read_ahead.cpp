#include "injector/stream/read_ahead.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "injector/interruption.hpp"
#include "injector/stream/filling_stream.hpp"
#include "shared/system/signals.hpp"

namespace dboot {
namespace {

constexpr std::size_t block_count = 4;
constexpr auto patience = std::chrono::milliseconds(100);
/// Has no meaning of its own here: it ends a system call of the thread, and nothing more.
constexpr int wake_signal = SIGURG;

void catch_wake_signal() {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(wake_signal, &action, nullptr);
}

void take_wake_signal() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, wake_signal);
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

struct Block {
  std::unique_ptr<char[]> bytes;
  std::size_t size = 0;
};

class ReadAhead : public ByteStream {
 public:
  explicit ReadAhead(std::unique_ptr<ByteStream> stream) : stream_(std::move(stream)) {
    catch_wake_signal();
    const SignalsBlocked blocked;
    thread_ = std::thread([this] { run(); });
  }

  ~ReadAhead() override {
    leaving_ = true;
    std::unique_lock lock(mutex_);
    changed_.notify_all();
    // A signal that comes just before a system call ends none: so it comes again.
    while (!changed_.wait_for(lock, std::chrono::milliseconds(5), [this] { return finished_; })) {
      ::pthread_kill(thread_.native_handle(), wake_signal);
    }
    lock.unlock();
    thread_.join();
  }

  std::span<const char> next() override {
    std::unique_lock lock(mutex_);
    if (std::exchange(holding_, false)) {
      ++taken_;
      changed_.notify_all();
    }
    while (!changed_.wait_for(lock, patience, [this] { return taken_ < made_ || finished_; })) {
      interruption::check();
    }
    if (taken_ == made_) {
      if (failure_) std::rethrow_exception(failure_);
      return {};
    }
    holding_ = true;
    const Block& block = blocks_[taken_ % block_count];
    return {block.bytes.get(), block.size};
  }

 private:
  void run() noexcept {
    take_wake_signal();
    interruption::end_thread_when(leaving_);
    std::exception_ptr failure;
    try {
      if (auto* filling = dynamic_cast<FillingStream*>(stream_.get()); filling != nullptr) {
        fill_blocks(*filling);
      } else {
        copy_blocks();
      }
    } catch (...) {
      failure = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    failure_ = failure;
    finished_ = true;
    changed_.notify_all();
  }

  void fill_blocks(FillingStream& stream) {
    for (;;) {
      Block& block = free_block();
      block.size = stream.fill({block.bytes.get(), stream_block});
      if (block.size == 0) return;
      hand_over();
    }
  }

  void copy_blocks() {
    for (;;) {
      auto bytes = stream_->next();
      if (bytes.empty()) return;
      while (!bytes.empty()) {
        Block& block = free_block();
        block.size = std::min(bytes.size(), stream_block);
        std::memcpy(block.bytes.get(), bytes.data(), block.size);
        bytes = bytes.subspan(block.size);
        hand_over();
      }
    }
  }

  /// Waits for a block that nobody reads. Throws when the thread is to end.
  Block& free_block() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return made_ - taken_ < block_count || leaving_; });
    lock.unlock();
    interruption::check();
    Block& block = blocks_[made_ % block_count];
    if (!block.bytes) block.bytes.reset(new char[stream_block]);
    return block;
  }

  void hand_over() {
    const std::lock_guard lock(mutex_);
    ++made_;
    changed_.notify_all();
  }

  std::unique_ptr<ByteStream> stream_;
  std::atomic<bool> leaving_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Block, block_count> blocks_;
  std::size_t made_ = 0;
  std::size_t taken_ = 0;
  bool holding_ = false;  ///< the block at taken_ is the caller's
  bool finished_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<ByteStream> read_ahead(std::unique_ptr<ByteStream> stream) {
  return std::make_unique<ReadAhead>(std::move(stream));
}

}  // namespace dboot
