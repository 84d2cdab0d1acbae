#pragma once

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <fstream>
#include <string>
#include <string_view>

#include "shared/system/unique_fd.hpp"
#include "tests/machine/driver/loop.hpp"
#include "tests/machine/driver/terminal_text.hpp"

namespace dboot::machine {

/// A serial line of a machine, and everything that has come over it.
class Serial {
 public:
  /// `line` is a connected stream socket. What comes is also written to the file `transcript`.
  Serial(Loop& loop, UniqueFd line, std::string name, const std::string& transcript);
  Serial(const Serial&) = delete;
  Serial& operator=(const Serial&) = delete;
  ~Serial() = default;

  void send(std::string_view bytes);
  void send_line(std::string_view line) { send(std::string(line) + '\n'); }

  /// Waits until the text matches the ECMAScript expression, where `^` and `$` also match at lines;
  /// what came before the last match is not looked at again. Returns what came up to the match and
  /// including it. Throws TimedOut with the end of the text.
  std::string expect(const std::string& pattern, std::chrono::seconds timeout = 60s);
  /// As expect, for exactly this text.
  std::string expect_text(std::string_view wanted, std::chrono::seconds timeout = 60s);

  /// Forgets what has come and was not looked at.
  void skip() { seen_ = text().size(); }
  /// All that ever came, without escape sequences.
  const std::string& text() const { return text_.text(); }
  /// The last lines, for messages.
  std::string tail() const;

 private:
  void receive();

  Loop& loop_;
  std::string name_;
  boost::asio::local::stream_protocol::socket socket_;
  std::array<char, 4096> buffer_{};
  std::ofstream transcript_;
  TerminalText text_;
  std::size_t seen_ = 0;
};

}  // namespace dboot::machine
