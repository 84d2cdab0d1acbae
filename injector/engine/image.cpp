#include "injector/engine/image.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <exception>
#include <utility>

#include "injector/clean_up_deadline.hpp"
#include "injector/document/platform.hpp"
#include "injector/engine/mounted_container.hpp"
#include "injector/engine/overlay_storage.hpp"
#include "injector/engine/pull.hpp"
#include "injector/engine/socket.hpp"
#include "injector/failure.hpp"
#include "injector/interruption.hpp"
#include "injector/report.hpp"
#include "injector/unpack/copy_tree.hpp"
#include "injector/unpack/directory_content.hpp"
#include "injector/unpack/unpack.hpp"

namespace dboot::image {
namespace {

/// A name that tells people where a container comes from, and that is nobody else's.
std::string container_name() {
  std::uint32_t random = 0;
  if (::getrandom(&random, sizeof random, 0) < 0) random = 0;
  return "dboot-inject-" + std::to_string(::getpid()) + "-" + std::to_string(random);
}

/// What removing a container may take. On vfs its copy of the whole image is deleted file by file,
/// perhaps from a slow disk.
constexpr std::chrono::seconds removing{60};
/// The same for somebody who waits for the end.
constexpr std::chrono::seconds removing_when_interrupted{8};

/// A container that is there as long as this object: the engine exports containers, not images.
class Container {
 public:
  /// `engine` must outlive this.
  Container(const Engine& engine, const std::string& image_id)
      : engine_(engine), name_(container_name()) {
    try {
      engine_.client.create_container(name_, image_id, "/" + marker());
    } catch (...) {
      // An answer that got lost does not mean that there is none. One that nobody has waited for
      // is about a container that may still be to come.
      remove(interruption::count() > 0);
      throw;
    }
  }
  ~Container() { remove(false); }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  const std::string& name() const noexcept { return name_; }
  /// A directory in its root by which it can be told from all others.
  std::string marker() const { return "." + name_; }

 private:
  /// An engine that has just lost the reader of an export still has the container mounted for a
  /// moment and refuses; one that is still creating it does not know it yet. It tells nobody when
  /// that is over, so it is asked again.
  void remove(bool may_be_to_come) noexcept {
    constexpr std::chrono::milliseconds interval{100};
    CleanUpDeadline deadline(removing, removing_when_interrupted);
    std::string reason;
    do {
      try {
        if (engine_.client.remove_container(name_, deadline) || !may_be_to_come) return;
        reason = "its creation was interrupted, and may go on";
      } catch (const EngineNotRunning& error) {
        reason = error.what();
        break;
      } catch (const std::exception& error) {
        reason = error.what();
      }
    } while (deadline.wait(interval));
    report::warning("a container may be left in the engine",
                    {{"engine", engine_.name},
                     {"reason", reason},
                     {log::mend_key, engine_.command + " rm -f " + name_}});
  }

  const Engine& engine_;
  std::string name_;
};

EngineImage inspect(const Engine& owner, const std::string& name, Pull policy) {
  const EngineClient& engine = owner.client;
  // An ID is not the name of anything that could be fetched.
  const bool can_pull = policy != Pull::never && !name.starts_with("sha256:");
  if (can_pull && policy == Pull::always) pull(engine, name, owner.command);
  if (auto image = engine.find_image(name)) return std::move(*image);
  if (can_pull && policy != Pull::always) {
    pull(engine, name, owner.command);
    if (auto image = engine.find_image(name)) return std::move(*image);
  }
  throw Failure(owner.name + " has no image " + name, owner.command + " pull " + name +
                                                          " fetches it, " + owner.command +
                                                          " images lists what is there");
}

class EngineImageSource : public Source {
 public:
  EngineImageSource(Engine engine, std::string name, Pull policy)
      : name_(std::move(name)),
        engine_(std::move(engine)),
        image_(inspect(engine_, name_, policy)) {
    utsname machine{};
    ::uname(&machine);
    check_platform(image_.config.os, image_.config.architecture, machine.machine);
  }

  const ImageConfig& config() const override { return image_.config; }
  std::uint64_t estimated_bytes() const override { return image_.size; }
  std::string description() const override { return "image " + name_ + " of " + engine_.name; }
  std::string digest() const override { return image_.id; }

  void unpack(int root_fd, Progress& progress) override {
    read(root_fd, progress);
    // What follows takes its time, and PID 1's.
    engine_.service.reset();
  }

 private:
  void read(int root_fd, Progress& progress) {
    try {
      copy_layers(root_fd, progress);
      return;
    } catch (const StorageOutOfReach& error) {
      report::debug("the engine's layers cannot be read directly", {{"reason", error.what()}});
    } catch (const rootfs::NeedsOverlayfs& error) {
      report::debug("the engine's layers cannot be read directly", {{"reason", error.what()}});
      rootfs::directory_content::clear(root_fd);
    }
    unpack_export(root_fd, progress);
  }

  void copy_layers(int root_fd, Progress& progress) {
    using rootfs::Overlay;
    const auto layers = open_storage(image_.storage, engine_.client.process());
    std::vector<int> fds;
    for (const auto& layer : layers) fds.push_back(layer.get());
    report::debug("reading the engine's layers directly", {{"layers", fds.size()}});
    rootfs::copy_tree(Overlay(fds, Overlay::Whiteouts::are_honoured), root_fd, progress,
                      description());
    // The engine forgets an image before it removes its layers: if it still knows this one, all of
    // them were there to the end.
    if (!engine_.client.find_image(image_.id)) {
      throw Failure(description() + " was removed while it was being copied",
                    "leave it in the engine until it has been copied");
    }
  }

  void unpack_export(int root_fd, Progress& progress) {
    const pid_t process = engine_.client.process();
    const Container container(engine_, image_.id);
    const MountTable before = mounts_of(process);
    // After the container: the connection must be closed before it can be removed.
    auto stream = engine_.client.export_container(container.name());
    try {
      const UniqueFd mounted = open_mounted_container(process, before, container.marker());
      report::debug("reading the container where the engine has mounted it for an export");
      using rootfs::Overlay;
      rootfs::copy_tree(Overlay({mounted.get()}, Overlay::Whiteouts::are_devices), root_fd,
                        progress, description());
      stream.reset();
    } catch (const StorageOutOfReach& error) {
      report::debug("the engine's container cannot be read directly", {{"reason", error.what()}});
      report::info("an engine's export has no ACLs, no user xattrs and times in whole seconds");
      rootfs::unpack(std::move(stream), root_fd, progress, description());
    }
    ::unlinkat(root_fd, container.marker().c_str(), AT_REMOVEDIR);
  }

  std::string name_;
  Engine engine_;
  EngineImage image_;
};

}  // namespace

std::unique_ptr<Source> open_engine_image(Engine engine, const std::string& name, Pull pull) {
  return std::make_unique<EngineImageSource>(std::move(engine), name, pull);
}

std::unique_ptr<Source> open_engine_image(const std::string& name, const EngineOptions& options) {
  EngineClient client(docker_socket_path(options.host));
  std::string shown = "the engine at " + client.socket_path();
  return open_engine_image({std::move(shown), "docker", nullptr, std::move(client)}, name,
                           options.pull);
}

}  // namespace dboot::image
