#include "injector/failure.hpp"

#include <utility>

namespace dboot {

Failure::Failure(const std::string& what, std::string mend, int status)
    : std::runtime_error(what), mend_(std::move(mend)), status_(status) {}

}  // namespace dboot
