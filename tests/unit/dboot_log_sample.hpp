#pragma once

#include <string>

#include "tools/dboot-log/account.hpp"
#include "tools/dboot-log/reader.hpp"

/// Records that the tests of dboot-log read.
namespace dboot::sample {

/// The record of a machine with a service that did not end and a disk that stayed busy.
std::string takeover();

reader::Counts tell(const std::string& text, Teller& teller);
/// An empty one where there is no record in the text.
Account account_of(const std::string& text);
Account of_the_takeover();

std::string replaced(std::string text, const std::string& old, const std::string& by);

}  // namespace dboot::sample
