#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"
#include "shared/system/unique_fd.hpp"

/// Opens what nobody has named a transport for: the content tells what it is.
namespace dboot::image {

/// A file or a directory. Throws Failure.
std::unique_ptr<Source> open_path(const std::string& path);

/// Standard input, which is /dev/null afterwards. Throws Failure.
std::unique_ptr<Source> open_standard_input();

/// The same for a root filesystem, whatever is in it.
std::unique_ptr<Source> open_standard_input_as_root();

/// Standard input as a file: itself, or all that comes through a pipe, kept in memory. Standard
/// input is /dev/null afterwards. Throws Failure.
UniqueFd keep_standard_input();

/// An archive in a regular file or a pipe. Of a pipe an image is kept in memory, a root filesystem
/// is unpacked as it comes. `name` is for messages. Throws Failure.
std::unique_ptr<Source> open_by_content(UniqueFd fd, const std::string& name);

}  // namespace dboot::image
