#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>
#include <cohort/detail/exceptions.hpp>

#include <cerrno>
#include <ctime>

#include "errors/description.hpp"
#include "errors/traceback.hpp"
#include "os/error.hpp"

namespace cohort::detail {
namespace {

/// Writes to stderr in one piece, so that reports of several processes do not mix. A closed stderr, also one
/// whose reader went away, is no reason to end otherwise than by the exception: SIGPIPE is held off.
void write_to_stderr(std::string_view text) {
  ::sigset_t pipe_signal, previous, pending;
  ::sigemptyset(&pipe_signal);
  ::sigaddset(&pipe_signal, SIGPIPE);
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_BLOCK, &pipe_signal, &previous);
  while (!text.empty()) {
    auto const count = os::retry([&] { return ::write(STDERR_FILENO, text.data(), text.size()); });
    if (count == -1 && errno == EPIPE && ::sigismember(&pending, SIGPIPE) == 0) {
      ::timespec const at_once{};
      ::sigtimedwait(&pipe_signal, nullptr, &at_once);
    }
    if (count <= 0) break;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  ::pthread_sigmask(SIG_SETMASK, &previous, nullptr);
}

}  // namespace

void report_uncaught(std::string_view process_name, int pid, std::exception_ptr error,
                     Backtrace const& trace) try {
  auto const remote = Traceback::carried_by(error);
  auto const frames = remote != nullptr ? remote->text() : Traceback(trace, {}).text();
  write_to_stderr(fmt::format("Process {} (pid {}): uncaught exception\n{}{}{}\n{}", process_name, pid,
                              frames.empty() ? "" : "Traceback (where it was thrown, innermost first):\n",
                              frames, errors::to_string(errors::describe(error)),
                              errors::describe_causes(error)));
} catch (...) {
  write_to_stderr("A process of this program: uncaught exception, and no memory left to describe it\n");
}

}  // namespace cohort::detail
