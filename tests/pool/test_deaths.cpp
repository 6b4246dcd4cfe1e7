#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <atomic>
#include <csignal>
#include <map>
#include <numeric>
#include <random>
#include <thread>

#include "memory/heap.hpp"
#include "support/catch.hpp"
#include "support/eventually.hpp"
#include "support/proc.hpp"
#include "support/start_methods.hpp"

/// What happens when workers die. (failure-model, rows 1, 2, 9, 13)

namespace mp = cohort::multiprocessing;
using cohort::futures::BrokenProcessPool;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

int square(int x) { return x * x; }

/// The ways to die.
int die(std::string how) {
  if (how == "SIGKILL") ::raise(SIGKILL);
  if (how == "SIGSEGV") ::raise(SIGSEGV);
  if (how == "abort") std::abort();
  if (how == "_exit") ::_exit(0);
  if (how == "exit") std::exit(3);
  return 1;
}

int square_or_die(int x) { return x == 57 ? die("SIGSEGV") : x * x; }

template <class R> std::string error_of(mp::AsyncResult<R> const& result) {
  try {
    result.get(20s);
    return "no error";
  } catch (BrokenProcessPool const& error) {
    return error.what();
  }
}

/// Does not survive being read in the other process.
struct Unreadable {
  int value = 1;
  template <class Archive> void serialize(Archive& ar) {
    ar(value);
    if constexpr (Archive::is_loading::value) throw std::runtime_error("unreadable");
  }
};
struct Unwritable {
  int value = 1;
  template <class Archive> void serialize(Archive& ar) {
    if constexpr (Archive::is_saving::value) throw std::runtime_error("unwritable");
    ar(value);
  }
};

}  // namespace

TEST_CASE("only the task that killed its worker fails, at once, and says how") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  pool.map(square, std::vector<int>(10), {.chunksize = 1});
  for (auto const& [how, told] : std::map<std::string, std::string>{{"SIGKILL", "signal 9 (SIGKILL)"},
                                                                    {"SIGSEGV", "signal 11 (SIGSEGV)"},
                                                                    {"abort", "signal 6 (SIGABRT)"},
                                                                    {"_exit", "exit code 0"},
                                                                    {"exit", "exit code 3"}}) {
    CAPTURE(how);
    auto const result = pool.apply_async(die, how);
    auto const text = error_of(result);
    CHECK_THAT(text, Contains(told) && Contains("PoolWorker-") && Contains("pid") && Contains("die"));
    CHECK(pool.apply(square, 3) == 9);
  }
  CHECK(cohort::test::eventually([] { return mp::active_children().size() == 2; }));
}

TEST_CASE("a worker that replaces a dead one has the program's signal mask") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(1);
  for (int i = 0; i < 3; ++i) {
    CHECK(pool.apply([] {
      sigset_t mask;
      ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      return ::sigismember(&mask, SIGTERM) + ::sigismember(&mask, SIGSEGV);
    }) == 0);
    CHECK_THAT(error_of(pool.apply_async(die, "SIGSEGV")), Contains("SIGSEGV"));
  }
}

TEST_CASE("a death is known within a tenth of a second") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  std::vector<std::chrono::nanoseconds> delays;
  for (int i = 0; i < 9; ++i) {
    auto [here, there] = mp::Pipe(false);
    auto const victim = pool.apply_async([] { return static_cast<int>(::getpid()); }).get();
    auto const result = pool.apply_async([] {
      for (;;) ::pause();
    });
    std::this_thread::sleep_for(20ms);
    for (auto const& child : mp::active_children()) child.kill();
    auto const begin = std::chrono::steady_clock::now();
    CHECK_THAT(error_of(result), Contains("SIGKILL"));
    delays.push_back(std::chrono::steady_clock::now() - begin);
    CHECK(victim > 0);
  }
  std::sort(delays.begin(), delays.end());
  CHECK(delays[4] < 100ms);
}

TEST_CASE("of two hundred tasks the one that crashes fails alone") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  std::vector<mp::AsyncResult<int>> results;
  for (int i = 0; i < 200; ++i) results.push_back(pool.apply_async(square_or_die, i));
  for (int i = 0; i < 200; ++i) {
    if (i == 57)
      CHECK_THAT(error_of(results[i]), Contains("SIGSEGV"));
    else
      CHECK(results[i].get(20s) == i * i);
  }
  CHECK(pool.map(square, std::vector{1, 2, 3}) == std::vector{1, 4, 9});
}

TEST_CASE("in a storm of kills every result comes, right or as a death, and no more fail than were killed") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(3);
  std::atomic<bool> over{false};
  std::atomic<int> kills{0};
  std::thread killer([&] {
    std::mt19937 random(7);
    while (!over) {
      std::this_thread::sleep_for(std::chrono::milliseconds(random() % 8));
      auto const children = mp::active_children();
      if (children.empty()) continue;
      children[random() % children.size()].kill();
      ++kills;
    }
  });
  int failed = 0;
  for (int round = 0; round < 4; ++round) {
    std::vector<mp::AsyncResult<std::string>> results;
    for (int i = 0; i < 150; ++i)
      results.push_back(pool.apply_async(
          [](int n) {
            std::this_thread::sleep_for(200us);
            return std::string(static_cast<std::size_t>(n) * 100, 'x');  // beyond 10 in blocks of their own
          },
          i));
    for (int i = 0; i < 150; ++i) {
      try {
        auto const text = results[i].get(20s);
        CHECK(text == std::string(static_cast<std::size_t>(i) * 100, 'x'));
      } catch (BrokenProcessPool const&) {
        ++failed;
      }
    }
  }
  over = true;
  killer.join();
  CHECK(kills > 0);
  CHECK(failed <= kills);
  INFO(failed << " tasks failed in " << kills << " kills");
  int right = 0;
  for (int i = 0; i < 5; ++i) {  // what was killed last may take one task with it
    try {
      right += pool.apply(square, 3) == 9;
    } catch (BrokenProcessPool const&) {}
  }
  CHECK(right >= 3);
}

TEST_CASE("an initializer that throws breaks the pool with its own error") {
  FOR_EACH_START_METHOD();
  mp::Pool pool({.processes = 2, .initializer = [] { throw std::domain_error("no licence"); }});
  try {
    pool.apply(square, 3);
    FAIL("the pool works");
  } catch (BrokenProcessPool const& error) {
    CHECK_THAT(error.what(), Contains("initializer") && Contains("no licence"));
    CHECK_THROWS_AS(std::rethrow_if_nested(error), std::domain_error);
  }
  CHECK_THROWS_AS(pool.apply(square, 3), BrokenProcessPool);
}

TEST_CASE("workers that die before they are ready break the pool after three in a row") {
  FOR_EACH_START_METHOD();
  mp::Pool pool({.processes = 1, .initializer = [] { ::_exit(9); }});
  auto const begin = std::chrono::steady_clock::now();
  try {
    pool.apply(square, 3);
    FAIL("the pool works");
  } catch (BrokenProcessPool const& error) {
    CHECK_THAT(error.what(), Contains("3 workers in a row") && Contains("exit code 9"));
  }
  CHECK(std::chrono::steady_clock::now() - begin < 2s);
}

TEST_CASE("what cannot be written or read fails its task only") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(1);
  CHECK_THROWS_WITH(pool.apply([](Unwritable) {}, Unwritable{}), Contains("unwritable"));
  CHECK_THROWS_WITH(pool.apply([](Unreadable) {}, Unreadable{}), Contains("unreadable"));
  CHECK_THROWS_WITH(pool.apply([] { return Unwritable{}; }), Contains("unwritable"));
  CHECK_THROWS_WITH(pool.apply([] { return Unreadable{}; }), Contains("unreadable"));
  CHECK(pool.apply(square, 4) == 16);
}

TEST_CASE("memory of dead workers and their tasks is given back") {
  FOR_EACH_START_METHOD();
  auto const before = cohort::memory::heap_usage().live;
  {
    mp::Pool pool(2);
    std::vector<double> const large(1 << 16);
    for (int i = 0; i < 5; ++i) {
      std::vector<mp::AsyncResult<int>> results;
      for (int k = 0; k < 4; ++k)
        results.push_back(pool.apply_async([](std::vector<double>) { return die("SIGKILL"); }, large));
      for (auto const& result : results) CHECK_THAT(error_of(result), Contains("SIGKILL"));
    }
  }
  // The monitor's thread may let go of the engine a moment later.
  CHECK(cohort::test::eventually([&] { return cohort::memory::heap_usage().live == before; }));
}

TEST_CASE("a pool that cannot replace its workers says so instead of hanging") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(1);
  CHECK(pool.apply(square, 2) == 4);
  auto const running = pool.apply_async([] { ::raise(SIGSTOP); });
  auto const waiting = pool.apply_async(square, 3);
  CHECK(cohort::test::eventually([] {
    auto const processes = cohort::test::descendants(::getpid());
    return std::any_of(processes.begin(), processes.end(),
                       [](auto const& process) { return process.state == 'T'; });
  }));
  rlimit before;
  ::getrlimit(RLIMIT_NOFILE, &before);
  int const next = ::dup(0);  // the lowest number that is free
  ::close(next);
  rlimit const none{static_cast<rlim_t>(next), before.rlim_max};
  auto const children = mp::active_children();
  ::setrlimit(RLIMIT_NOFILE, &none);
  children.front().kill();
  waiting.wait(10s);
  ::setrlimit(RLIMIT_NOFILE, &before);
  CHECK_THAT(error_of(running), Contains("SIGKILL"));
  CHECK_THAT(error_of(waiting), Contains("no worker can be started") && Contains("Too many open files"));
  CHECK_THROWS_AS(pool.apply(square, 2), BrokenProcessPool);
}

TEST_CASE("one worker that starts does not hide that others never do") {
  FOR_EACH_START_METHOD();
  // The first worker to take the lock file is ready, the others die.
  auto const path = std::filesystem::temp_directory_path() / fmt::format("cohort-test-{}", ::getpid());
  mp::Pool pool({.processes = 2,
                 .initializer = cohort::partial(
                     [](std::string const& lock) {
                       if (::open(lock.c_str(), O_CREAT | O_EXCL | O_CLOEXEC, 0600) < 0) ::_exit(9);
                     },
                     path.string())});
  auto const broken = [&] {
    try {
      pool.apply_async(square, 2).wait(100ms);
      return false;
    } catch (BrokenProcessPool const&) {
      return true;
    }
  };
  CHECK(cohort::test::eventually(broken));
  std::filesystem::remove(path);
}
