#include "injector/archive/layered_image.hpp"

#include <atomic>
#include <utility>

namespace dboot::image {
namespace {

/// Remembers that the end has been reached, where the checks of a stream are.
class WatchedStream : public ByteStream {
 public:
  WatchedStream(std::unique_ptr<ByteStream> stream, std::shared_ptr<std::atomic<bool>> ended)
      : stream_(std::move(stream)), ended_(std::move(ended)) {}

  std::span<const char> next() override {
    const auto bytes = stream_->next();
    if (bytes.empty()) *ended_ = true;
    return bytes;
  }

 private:
  std::unique_ptr<ByteStream> stream_;
  std::shared_ptr<std::atomic<bool>> ended_;
};

class LayeredSource : public Source {
 public:
  explicit LayeredSource(LayeredImage image) : image_(std::move(image)) {
    for (rootfs::Layer& layer : image_.layers) {
      auto ended = std::make_shared<std::atomic<bool>>(false);
      ended_.push_back(ended);
      layer.open = [open = std::move(layer.open), ended] {
        return std::make_unique<WatchedStream>(open(), ended);
      };
    }
  }

  const ImageConfig& config() const override { return image_.config; }
  std::uint64_t estimated_bytes() const override { return image_.estimated_bytes; }
  std::string description() const override { return image_.description; }
  std::string digest() const override { return image_.digest; }

  void unpack(int root_fd, Progress& progress) override {
    rootfs::apply_layers(image_.layers, root_fd, progress);
    // An archive ends before its file does where something follows it.
    for (std::size_t index = 0; index < ended_.size(); ++index) {
      if (*ended_[index]) continue;
      const auto stream = image_.layers[index].open();
      while (!stream->next().empty()) {
      }
    }
    // They may be kept in memory.
    image_.layers.clear();
    image_.files.reset();
  }

 private:
  LayeredImage image_;
  std::vector<std::shared_ptr<std::atomic<bool>>> ended_;
};

}  // namespace

std::unique_ptr<Source> layered_source(LayeredImage image) {
  return std::make_unique<LayeredSource>(std::move(image));
}

}  // namespace dboot::image
