#include <unistd.h>
#include <cohort/multiprocessing.hpp>

#include <atomic>
#include <list>
#include <map>
#include <numeric>
#include <set>
#include <sstream>
#include <thread>

#include "support/catch.hpp"
#include "support/output.hpp"
#include "support/start_methods.hpp"

namespace mp = cohort::multiprocessing;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

namespace {

int square(int x) { return x * x; }
void do_nothing() {}
std::string repeat(std::string text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}
int refuse_negative(int x) {
  if (x < 0) throw std::out_of_range(fmt::format("{} is negative", x));
  return x;
}
int process_id() { return ::getpid(); }
int process_id_of(int) {
  std::this_thread::sleep_for(1ms);
  return ::getpid();
}
void sleep_for(std::chrono::milliseconds time) { std::this_thread::sleep_for(time); }
std::vector<double> doubled(std::vector<double> numbers) {
  for (auto& number : numbers) number *= 2;
  return numbers;
}
std::unique_ptr<int> boxed(int x) { return std::make_unique<int>(x); }

struct Scale {
  double factor;
  double operator()(double x) const { return factor * x; }
};

int initial_value = 0;

}  // namespace

TEST_CASE("apply runs functions, lambdas, partials and function objects") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  CHECK(pool.apply(square, 7) == 49);
  CHECK(pool.apply(repeat, "ab", 3) == "ababab");
  CHECK(pool.apply([](int a, double b) { return a + b; }, 1, 0.5) == 1.5);
  CHECK(pool.apply(cohort::partial([](double k, double x) { return k * x; }, 2.5), 4.0) == 10.0);
  CHECK(pool.apply(Scale{3}, 5.0) == 15.0);
  pool.apply(do_nothing);
  CHECK(*pool.apply(boxed, 5) == 5);
  CHECK(pool.apply(process_id) != ::getpid());
}

TEST_CASE("map keeps the order, for every chunk size and range") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  CHECK(pool.map(square, {1, 2, 3}) == std::vector{1, 4, 9});
  CHECK(pool.map(square, std::vector<int>{}).empty());
  std::list<int> numbers(1000);
  std::iota(numbers.begin(), numbers.end(), 0);
  std::vector<int> expected;
  for (int const number : numbers) expected.push_back(square(number));
  for (std::size_t const chunksize : {1, 7, 1000, 5000})
    CHECK(pool.map(square, numbers, {.chunksize = chunksize}) == expected);
  CHECK(pool.map(square, numbers) == expected);
  CHECK(pool.map([](int) {}, numbers) == std::vector<cohort::NoneType>(1000));
  CHECK_THROWS_AS(pool.map(square, numbers, {.chunksize = 0}), cohort::ValueError);
}

TEST_CASE("an input range without a size is mapped too") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  std::istringstream text("1 2 3 4 5");
  struct Numbers {
    std::istream* text;
    std::istream_iterator<int> begin() const { return *text; }
    std::istream_iterator<int> end() const { return {}; }
  };
  CHECK(pool.map(square, Numbers{&text}) == std::vector{1, 4, 9, 16, 25});
}

TEST_CASE("exceptions arrive as themselves, with the place of the throw") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  auto const result = pool.apply_async(refuse_negative, -3);
  result.wait();
  CHECK_FALSE(result.successful());
  try {
    result.get();
    FAIL("no exception");
  } catch (std::out_of_range const& error) {
    CHECK(error.what() == std::string("-3 is negative"));
    CHECK_THAT(cohort::remote_traceback(std::current_exception()), Contains("refuse_negative"));
  }
  CHECK_THROWS_WITH(pool.map(refuse_negative, std::vector{1, -2, 3, -4}, {.chunksize = 1}), "-2 is negative");
  CHECK_THROWS_AS(pool.apply([]() -> int { throw 42; }), cohort::RemoteError);
  CHECK(pool.apply(square, 4) == 16);
}

TEST_CASE("a result can be waited for") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(1);
  auto const slow = pool.apply_async(sleep_for, 150ms);
  CHECK_FALSE(slow.ready());
  CHECK_THROWS_AS(slow.successful(), cohort::ValueError);
  CHECK_THROWS_AS(slow.get(1ms), cohort::TimeoutError);
  CHECK_THROWS_AS(slow.get(-1s), cohort::TimeoutError);
  slow.wait(1ms);
  CHECK_FALSE(slow.ready());
  slow.get(10s);
  CHECK(slow.ready());
  CHECK(slow.successful());
  slow.get();

  auto const value = pool.apply_async(square, 3);
  auto const same = value;
  CHECK(value.get() == 9);
  CHECK(value.get() == 9);
  CHECK(same.get() == 9);
}

TEST_CASE("callbacks run once, before get returns, and what they throw harms nobody") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  std::atomic<int> sum{0}, errors{0};
  std::vector<mp::AsyncResult<int>> results;
  for (int i = 0; i < 20; ++i)
    results.push_back(pool.apply_async({.callback = [&](int value) { sum += value; },
                                        .error_callback = [&](std::exception_ptr) { ++errors; }},
                                       refuse_negative, i - 5));
  for (auto const& result : results) result.wait();
  CHECK(sum == 105);
  CHECK(errors == 5);

  cohort::test::CapturedStderr captured;
  auto const bad =
      pool.apply_async({.callback = [](int) { throw std::runtime_error("bad callback"); }}, square, 2);
  CHECK(bad.get() == 4);
  CHECK_THAT(captured.text(), Contains("bad callback"));
  CHECK(pool.apply(square, 3) == 9);
}

TEST_CASE("imap_unordered gives every result once and reads its input as they are taken") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  std::multiset<int> seen;
  for (int const value : pool.imap_unordered(square, std::vector{1, 2, 3, 4}, {.chunksize = 3}))
    seen.insert(value);
  CHECK(seen == std::multiset{1, 4, 9, 16});

  int pulled = 0;
  struct Endless {  // an infinite input range that counts
    int* pulled;
    struct iterator {
      using value_type = int;
      using difference_type = std::ptrdiff_t;
      int* pulled;
      int operator*() const { return *pulled; }
      iterator& operator++() {
        ++*pulled;
        return *this;
      }
      void operator++(int) { ++*pulled; }
      bool operator==(std::default_sentinel_t) const { return false; }
    };
    iterator begin() const { return {pulled}; }
    std::default_sentinel_t end() const { return {}; }
  };
  auto results = pool.imap_unordered(square, Endless{&pulled});
  for (int i = 0; i < 500; ++i) results.next(10s);
  CHECK(pulled >= 500);
  CHECK(pulled <= 500 + 32 * 2);
}

TEST_CASE("imap_unordered goes on after an error, and ends with StopIteration") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  auto results = pool.imap_unordered(refuse_negative, std::vector{1, -1, 2, -2, 3});
  int values = 0, errors = 0;
  for (int i = 0; i < 5; ++i) {
    try {
      values += results.next();
    } catch (std::out_of_range const&) {
      ++errors;
    }
  }
  CHECK(values == 6);
  CHECK(errors == 2);
  CHECK_THROWS_AS(results.next(), cohort::StopIteration);
  CHECK_THROWS_AS(pool.imap_unordered(square, std::vector{1}, {.chunksize = 0}), cohort::ValueError);
  auto slow = pool.imap_unordered(sleep_for, std::vector{200ms});
  CHECK_THROWS_AS(slow.next(1ms), cohort::TimeoutError);
  CHECK(slow.next(10s) == cohort::None);
}

TEST_CASE("arguments and results larger than a ring travel, many at once") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  std::vector<double> const large(1 << 17, 1.5);  // 1 MiB
  std::vector<mp::AsyncResult<std::vector<double>>> results;
  for (int i = 0; i < 24; ++i) results.push_back(pool.apply_async(doubled, large));
  for (auto const& result : results) {
    auto const doubles = result.get();
    REQUIRE(doubles.size() == large.size());
    CHECK(std::all_of(doubles.begin(), doubles.end(), [](double x) { return x == 3.0; }));
  }
  // Nobody reads the results while they pile up.
  std::vector<mp::AsyncResult<std::string>> many;
  for (int i = 0; i < 2000; ++i) many.push_back(pool.apply_async(repeat, "0123456789", 50 + i % 100));
  for (int i = 0; i < 2000; ++i) CHECK(many[i].get().size() == 10u * (50 + i % 100));
}

TEST_CASE("work goes on while nobody waits, and waits of many threads end") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  std::atomic<int> called{0};
  for (int i = 0; i < 500; ++i) pool.apply_async({.callback = [&](int) { ++called; }}, square, i);
  auto const deadline = std::chrono::steady_clock::now() + 20s;
  while (called < 500 && std::chrono::steady_clock::now() < deadline) std::this_thread::sleep_for(1ms);
  CHECK(called == 500);

  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) right += pool.apply(square, t * i) == t * i * t * i;
    });
  for (auto& thread : threads) thread.join();
  CHECK(right == 400);
}

TEST_CASE("an idle worker takes over what waits behind a long task") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  pool.map(process_id_of, std::vector<int>(20));  // both have started
  auto const begin = std::chrono::steady_clock::now();
  auto const slow = pool.apply_async(sleep_for, 2s);
  std::vector<mp::AsyncResult<int>> quick;
  for (int i = 0; i < 60; ++i) quick.push_back(pool.apply_async(process_id_of, i));
  for (auto const& result : quick) result.get();
  CHECK(std::chrono::steady_clock::now() - begin < 1900ms);
  CHECK_FALSE(slow.ready());
}

TEST_CASE("close lets the work end, join waits for it, and then the pool is shut") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  CHECK_THROWS_AS(pool.join(), cohort::ValueError);
  auto const result = pool.apply_async(sleep_for, 100ms);
  pool.close();
  CHECK_THROWS_AS(pool.apply_async(square, 1), cohort::ValueError);
  pool.join();
  CHECK(result.ready());
  CHECK(result.successful());
  CHECK(mp::active_children().empty());
  pool.join();
}

TEST_CASE("terminate ends the workers at once, and what was not done says so") {
  FOR_EACH_START_METHOD();
  auto const begin = std::chrono::steady_clock::now();
  mp::Pool pool(2);
  auto const running = pool.apply_async(sleep_for, 20s);
  std::vector<mp::AsyncResult<void>> waiting;
  for (int i = 0; i < 10; ++i) waiting.push_back(pool.apply_async(sleep_for, 20s));
  pool.terminate();
  CHECK_THROWS_WITH(running.get(), Contains("terminated before"));
  for (auto const& result : waiting) CHECK_THROWS_AS(result.get(), cohort::RuntimeError);
  pool.join();
  CHECK(mp::active_children().empty());
  CHECK(std::chrono::steady_clock::now() - begin < 5s);
}

TEST_CASE("the initializer runs in each worker before its first task") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(
      {.processes = 3, .initializer = cohort::partial([](int value) { initial_value = value; }, 42)});
  auto const seen = pool.map([](int) { return initial_value; }, std::vector<int>(50), {.chunksize = 1});
  CHECK(seen == std::vector<int>(50, 42));
}

TEST_CASE("a worker is replaced after its number of tasks") {
  FOR_EACH_START_METHOD();
  mp::Pool pool({.processes = 1, .maxtasksperchild = 3});
  std::map<int, int> tasks_of;
  for (int i = 0; i < 10; ++i) ++tasks_of[pool.apply(process_id)];
  CHECK(tasks_of.size() == 4);
  for (auto const& [pid, tasks] : tasks_of) CHECK(tasks <= 3);
}

TEST_CASE("impossible pools are refused") {
  FOR_EACH_START_METHOD();
  CHECK_THROWS_WITH(mp::Pool(0), Contains("at least 1"));
  CHECK_THROWS_AS(mp::Pool(-1), cohort::ValueError);
  CHECK_THROWS_AS(mp::Pool({.processes = 1, .maxtasksperchild = 0}), cohort::ValueError);
}

TEST_CASE("a pool can be moved, and used through its context") {
  FOR_EACH_START_METHOD();
  auto pool = mp::get_context(start_method).Pool(1);
  auto moved = std::move(pool);
  CHECK(moved.apply(square, 5) == 25);
  CHECK_THROWS_AS(pool.apply(square, 5), cohort::ValueError);
  CHECK_THAT(moved.apply([] { return mp::current_process().name(); }), Contains("PoolWorker-"));
}

TEST_CASE("pools can be nested") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  auto const sums = pool.map(
      [](int n) {
        mp::Pool inner(2);
        auto const squares = inner.map(square, std::vector<int>(4, n));
        return std::accumulate(squares.begin(), squares.end(), 0);
      },
      std::vector{1, 2, 3}, {.chunksize = 1});
  CHECK(sums == std::vector{4, 16, 36});
}

// What a review found broken, by the ways in which it broke.

TEST_CASE("an object that several results share travels with each of them") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(1);
  for (int i = 0; i < 3; ++i)
    CHECK(*pool.apply([] {
      static auto const kept = std::make_shared<int>(7);
      return kept;
    }) == 7);
  auto const word = std::make_shared<std::string>("word");
  auto const read = [](std::shared_ptr<std::string> text) { return *text; };
  CHECK(pool.map(read, std::vector{word, word, word}, {.chunksize = 1}) ==
        std::vector<std::string>(3, "word"));
}

TEST_CASE("workers are replaced and dismissed also when their rings are full") {
  FOR_EACH_START_METHOD();
  mp::Pool pool({.processes = 1, .maxtasksperchild = 32});
  std::vector<mp::AsyncResult<std::string>> results;
  for (int i = 0; i < 300; ++i) results.push_back(pool.apply_async(repeat, std::string(930, 'x'), 1));
  for (auto const& result : results) CHECK(result.get(20s).size() == 930);
  for (int i = 0; i < 100; ++i) pool.apply_async(repeat, std::string(930, 'x'), 1);
  pool.close();
  pool.join();
}

TEST_CASE("no worker gets more tasks than it may have, however they are shared out") {
  FOR_EACH_START_METHOD();
  mp::Pool pool({.processes = 2, .maxtasksperchild = 40});
  std::vector<mp::AsyncResult<int>> results;
  for (int i = 0; i < 400; ++i)
    results.push_back(pool.apply_async(
        [](int n) {
          if (n % 50 == 0) std::this_thread::sleep_for(20ms);
          return static_cast<int>(::getpid());
        },
        i));
  std::map<int, int> tasks_of;
  for (auto const& result : results) ++tasks_of[result.get(20s)];
  for (auto const& [pid, tasks] : tasks_of) CHECK(tasks <= 40);
}

TEST_CASE("an iteration goes on after the pool was closed") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  auto results = pool.imap_unordered(square, std::vector<int>(1000, 3));
  pool.close();
  int sum = 0;
  for (int const value : results) sum += value;
  CHECK(sum == 9000);
  pool.join();
}

TEST_CASE("results that cannot be copied come by map and apply_async") {
  FOR_EACH_START_METHOD();
  mp::Pool pool(2);
  auto const boxes = pool.map(boxed, std::vector{1, 2, 3});
  CHECK(*boxes[2] == 3);
  auto const box = pool.apply_async(boxed, 4);
  CHECK(*box.get() == 4);
  CHECK_THROWS_AS(box.get(), cohort::ValueError);
}

namespace {
mp::Pool* shared_pool = nullptr;
}

TEST_CASE("a task that uses its own pool is told that it cannot") {
  mp::set_start_method("fork", true);
  mp::Pool pool(1);
  shared_pool = &pool;
  pool.apply_async([] { std::exit(1); }).wait();  // the next worker is a copy of a process with a pool
  CHECK_THROWS_WITH(pool.apply([] { return shared_pool == nullptr ? 0 : shared_pool->apply(square, 2); }),
                    Contains("belongs to the process that made it"));
}
