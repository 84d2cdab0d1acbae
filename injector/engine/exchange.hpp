#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "injector/engine/socket.hpp"
#include "injector/stream/filling_stream.hpp"

namespace dboot::image {

struct EngineRequest {
  std::string method;
  std::string target;
  std::string body = {};  ///< JSON
  std::vector<std::pair<std::string, std::string>> headers = {};
};

/// One request on a connection of its own, and its answer as it comes. Beast is behind it, and only
/// behind it: its headers cost ten seconds a file. Everything throws Failure.
class EngineExchange : public FillingStream {
 public:
  EngineExchange(EngineSocket socket, const EngineRequest& request);
  ~EngineExchange() override;

  unsigned status() const;
  /// Empty when there is none of that name.
  std::string header(const std::string& name) const;
  /// Bytes of the body, as soon as there are some.
  std::size_t fill(std::span<char> space) override;
  /// What has not been read yet, which must not be longer than any answer that is no stream.
  std::string rest();

  static constexpr std::size_t largest_answer = 16U << 20U;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace dboot::image
