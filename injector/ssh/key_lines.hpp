#pragma once

#include <string>
#include <string_view>
#include <vector>

/// The lines of authorized_keys (sshd(8), "AUTHORIZED_KEYS FILE FORMAT").
namespace dboot::ssh {

/// Whether a key lets in only to be told another name: the images of clouds have such lines for
/// root, with a command that says "Please login as the user …".
bool only_names_another_user(std::string_view line);

/// Those with a key that lets somebody in, each once.
std::vector<std::string> usable_key_lines(std::string_view text);

/// A text with its tokens put in: %%, %h, %u, %U.
std::string with_tokens(std::string_view pattern, const std::string& user, const std::string& home,
                        unsigned uid);
/// The same for a file that AuthorizedKeysFile names: what is not absolute lies in the home
/// directory.
std::string key_file_for(std::string_view pattern, const std::string& user, const std::string& home,
                         unsigned uid);

}  // namespace dboot::ssh
