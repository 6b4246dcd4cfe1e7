#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <catch2/catch.hpp>
#include <cohort/detail/exceptions.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using cohort::detail::Backtrace;
using cohort::detail::run_guarded;

constexpr int line_of_throw = __LINE__ + 2;
__attribute__((noinline)) void throw_deep(int depth) {
  if (depth == 0) throw std::runtime_error("from the depth");
  throw_deep(depth - 1);
  asm volatile("");
}
__attribute__((noinline)) void middle() {
  throw_deep(0);
  asm volatile("");
}
__attribute__((noinline)) void throw_in_library() {
  (void)std::string("x").at(3);
  asm volatile("");
}

std::vector<std::byte> bytes_of(std::exception_ptr const& error, Backtrace const& trace) {
  std::vector<std::byte> bytes;
  cohort::detail::VectorWriter out(bytes);
  cohort::detail::save_exception(out, error, trace);
  out.finish();
  return bytes;
}
std::exception_ptr travel(std::exception_ptr const& error, Backtrace const& trace = {}) {
  auto const bytes = bytes_of(error, trace);
  cohort::detail::Reader in(bytes);
  return cohort::detail::load_exception(in);
}

/// A frame of a function of this file. Without libbacktrace such functions, in no dynamic symbol table, are
/// offsets.
auto names(std::string const& function) {
  return Catch::Contains(COHORT_HAS_LINES ? function + " at " : "test_backtrace+0x");
}

template <class F> std::string traceback_of(F&& task) {
  Backtrace trace;
  auto const error = run_guarded(task, trace);
  REQUIRE(error != nullptr);
  return cohort::remote_traceback(travel(error, trace));
}

std::vector<std::string> lines_of(std::string const& text) {
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    auto const end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

/// What a process that runs `body` prints to stderr and how it ends.
template <class F> std::pair<std::string, int> stderr_of(F body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  auto const child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    body();
    ::_exit(1);
  }
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t count; (count = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return {text, status};
}

}  // namespace

TEST_CASE("the traceback begins at the throwing function and ends at the task") {
  auto const text = traceback_of([] { middle(); });
  INFO(text);
  auto const lines = lines_of(text);
  REQUIRE(lines.size() >= 2);
  CHECK_THAT(lines[0], Catch::StartsWith("  #0 ") && names("(anonymous namespace)::throw_deep(int)"));
  if (COHORT_HAS_LINES)
    CHECK_THAT(lines[0], Catch::EndsWith("test_backtrace.cpp:" + std::to_string(line_of_throw)));
  CHECK_THAT(lines[1], Catch::StartsWith("  #1 ") && names("(anonymous namespace)::middle()"));
  // Below middle() there may be the lambda, and nothing of what ran it.
  CHECK(lines.size() <= 3);
  CHECK_THAT(text, !Catch::Contains("run_guarded"));
}

TEST_CASE("exceptions thrown within the standard library show who called it") {
  auto const text = traceback_of(throw_in_library);
  INFO(text);
  CHECK_THAT(text, names("throw_in_library()"));
  CHECK_THAT(text, !Catch::Contains("__cxa_throw") && !Catch::Contains("_Unwind_"));
}

TEST_CASE("the first 64 frames of a deep stack are kept") {
  Backtrace trace;
  auto const error = run_guarded([] { throw_deep(200); }, trace);
  CHECK(trace.frames().size() == Backtrace::capacity);
  auto const lines = lines_of(cohort::remote_traceback(travel(error, trace)));
  REQUIRE(lines.size() > Backtrace::capacity - 16);
  CHECK_THAT(lines.front(), names("throw_deep(int)"));
  CHECK_THAT(lines.back(), names("throw_deep(int)"));
}

TEST_CASE("exceptions that are caught within leave no trace") {
  Backtrace trace;
  CHECK(run_guarded(
            [] {
              try {
                middle();
              } catch (std::exception const&) {}
            },
            trace) == nullptr);
  CHECK(trace.frames().empty());
}

TEST_CASE("guarded runs nest") {
  Backtrace outer, inner;
  auto const error = run_guarded(
      [&] {
        CHECK(run_guarded([] { throw_in_library(); }, inner) != nullptr);
        middle();
      },
      outer);
  CHECK_THAT(cohort::remote_traceback(travel(error, outer)), names("throw_deep(int)"));
  CHECK_THAT(cohort::remote_traceback(travel(error, inner)), names("throw_in_library()"));
}

TEST_CASE("any type and a trace that was not empty before") {
  Backtrace trace;
  CHECK(run_guarded([] { throw 42; }, trace) != nullptr);
  CHECK_FALSE(trace.frames().empty());
  int runs = 0;
  auto const count = [&runs] { ++runs; };
  CHECK(run_guarded(count, trace) == nullptr);
  CHECK(runs == 1);
  CHECK(trace.frames().empty());
}

TEST_CASE("an exception forwarded by a second process keeps its first traceback") {
  Backtrace first, second;
  auto const error = run_guarded(middle, first);
  auto const arrived = travel(error, first);
  auto const rethrown = run_guarded([&] { std::rethrow_exception(arrived); }, second);
  auto const forwarded = travel(rethrown, second);
  CHECK(cohort::remote_traceback(forwarded) == cohort::remote_traceback(arrived));
  CHECK_THAT(cohort::remote_traceback(forwarded), names("throw_deep(int)"));
  CHECK_THROWS_AS(std::rethrow_exception(forwarded), std::runtime_error);
  CHECK(cohort::remote_traceback(error).empty());
  CHECK(cohort::remote_traceback(nullptr).empty());

  auto const unregistered = run_guarded([] { throw 1L; }, first);
  try {
    std::rethrow_exception(travel(travel(unregistered, first), second));
  } catch (cohort::RemoteError const& remote) {
    CHECK_THAT(remote.traceback(), Catch::StartsWith("  #0 ") && names(""));
  }
}

TEST_CASE("cancellation and the exit of a thread pass through") {
  static bool returned, unwound;
  struct Unwound {
    ~Unwound() { unwound = true; }
  };
  auto const run = [](void (*leave)(), bool cancel) {
    returned = unwound = false;
    pthread_t thread;
    REQUIRE(::pthread_create(
                &thread, nullptr,
                [](void* argument) -> void* {
                  Backtrace trace;
                  Unwound const guard;
                  run_guarded([&] { reinterpret_cast<void (*)()>(argument)(); }, trace);
                  returned = true;
                  return nullptr;
                },
                reinterpret_cast<void*>(leave)) == 0);
    if (cancel) ::pthread_cancel(thread);
    void* result = nullptr;
    ::pthread_join(thread, &result);
    CHECK(unwound);
    CHECK_FALSE(returned);
    return result;
  };
  CHECK(run([] { ::pthread_exit(&returned); }, false) == &returned);
  CHECK(run(
            [] {
              for (;;) ::pause();
            },
            true) == PTHREAD_CANCELED);
}

TEST_CASE("an uncaught exception is reported with its process, trace and text") {
  auto const [text, status] = stderr_of([] {
    Backtrace trace;
    auto const error = run_guarded(middle, trace);
    cohort::detail::report_uncaught("Process-1", 71, error, trace);
  });
  INFO(text);
  auto const lines = lines_of(text);
  REQUIRE(lines.size() >= 4);
  CHECK(lines[0] == "Process Process-1 (pid 71): uncaught exception");
  CHECK(lines[1] == "Traceback (where it was thrown, innermost first):");
  CHECK_THAT(lines[2], Catch::StartsWith("  #0 ") && names("(anonymous namespace)::throw_deep(int)"));
  CHECK_THAT(lines[3], Catch::StartsWith("  #1 ") && names("(anonymous namespace)::middle()"));
  CHECK(lines.back() == "std::runtime_error: from the depth");
  CHECK(WEXITSTATUS(status) == 1);
}

TEST_CASE("a report survives a stderr that is closed or that nobody reads") {
  auto const report = [] {
    Backtrace trace;
    auto const error = run_guarded(middle, trace);
    cohort::detail::report_uncaught("p", 1, error, trace);
  };
  auto const closed = stderr_of([&] {
    ::close(STDERR_FILENO);
    report();
  });
  CHECK((WIFEXITED(closed.second) && WEXITSTATUS(closed.second) == 1));
  auto const unread = stderr_of([&] {
    int ends[2];
    if (::pipe(ends) != 0) ::_exit(3);
    ::dup2(ends[1], STDERR_FILENO);
    ::close(ends[0]);
    ::close(ends[1]);
    ::signal(SIGPIPE, SIG_DFL);
    report();
  });
  CHECK((WIFEXITED(unread.second) && WEXITSTATUS(unread.second) == 1));
}
