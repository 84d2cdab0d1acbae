#pragma once

#include <cstdint>
#include <map>
#include <string>

/// What is in a tar archive that holds an image, by name.
namespace dboot::image {

/// A file in the archive.
struct Member {
  std::uint64_t number = 0;  ///< of the entry, counted from 0
  std::uint64_t offset = 0;  ///< of its content in the archive that is not compressed
  std::uint64_t size = 0;
  bool kept = false;     ///< `content` is the whole of it
  std::string content;   ///< of a small file in an archive that is read from its begin every time
  std::string unusable;  ///< why its content cannot be taken; empty: it can
};

/// The members of an archive and the links between them. `docker save` writes the same layer twice
/// as a link, which never leads out of the archive.
class Members {
 public:
  /// More than any image has.
  static constexpr std::size_t most = 100'000;

  /// Of two members of a name nobody can tell which is meant: neither is usable. These throw
  /// BadDocument when there are too many members.
  void add_file(const std::string& name, Member member);
  /// `target` is meant as a symlink's, from the directory of `name`.
  void add_symlink(const std::string& name, const std::string& target);
  /// `target` is a member's name.
  void add_hardlink(const std::string& name, const std::string& target);

  /// The file of that name, or that a link of that name leads to; null where there is none.
  const Member* find(const std::string& name) const;
  bool is_link(const std::string& name) const { return links_.contains(name); }

 private:
  /// Whether the name is free; what has it already becomes unusable.
  bool is_new(const std::string& name);

  std::map<std::string, Member> files_;
  std::map<std::string, std::string> links_;
};

/// The name of a member without "./", doubled slashes and those in front; empty for the root, and
/// for names that lead out of the archive, which nobody asks for.
std::string member_name(const std::string& path);

}  // namespace dboot::image
