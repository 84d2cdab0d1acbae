#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace dboot {

/// Work that waits for events. Everything runs on one thread.
template <class Result = void>
using Task = boost::asio::awaitable<Result>;

}  // namespace dboot
