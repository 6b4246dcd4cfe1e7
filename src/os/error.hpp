#pragma once
#include <fmt/format.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

namespace cohort::os {

/// Throws the `std::system_error` of a failed call: "cohort: <what>: <message of the errno>".
template <class... Args> [[noreturn]] void fail(int error, fmt::format_string<Args...> what, Args&&... args) {
  throw std::system_error(error, std::generic_category(),
                          "cohort: " + fmt::format(what, std::forward<Args>(args)...));
}

/// Repeats a system call that a signal handler interrupted.
template <class Call> auto retry(Call call) {
  for (;;) {
    auto const result = call();
    if (result != -1 || errno != EINTR) return result;
  }
}

}  // namespace cohort::os
