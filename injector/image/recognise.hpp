#pragma once

#include <memory>
#include <string>

#include "injector/image/source.hpp"
#include "shared/system/unique_fd.hpp"

/// Sources that are known by what is in them.
namespace dboot::image {

/// A file or a directory. Throws Failure.
std::unique_ptr<Source> open_path(const std::string& path);

/// Standard input, which is /dev/null afterwards. Throws Failure.
std::unique_ptr<Source> open_standard_input();

/// The whole of it, a file or what is kept of a pipe; standard input is /dev/null afterwards.
/// Throws Failure.
UniqueFd keep_standard_input();

/// An archive in what `fd` stands for: a file, or a stream, which is kept in memory when it holds
/// an image whose layers are not the first in it. `name` is for messages. Throws Failure.
std::unique_ptr<Source> open_by_content(UniqueFd fd, const std::string& name);

}  // namespace dboot::image
