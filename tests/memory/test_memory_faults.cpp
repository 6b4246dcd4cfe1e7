#include "memory/children.hpp"
#include "memory/heap.hpp"
#include "memory/ring.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

/// A process dies, or stops, at each point between two stores that matter. Then the others go on, and
/// nothing is lost.
namespace memory = cohort::memory;
using memory::Block;

namespace {

constexpr std::size_t mebibyte = 1 << 20;

/// Comes by every point of the heap several times, alone or among others.
void use_heap() {
  std::vector<Block> held;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t const size : {64, 100, 5000, 5000, 300000, 300000, 300000, 2500000})
      held.push_back(memory::allocate(size));
    for (auto const& block : held) test::fill({block.offset, 64}, block.offset);
    for (auto const& block : held)
      if (!test::is_filled({block.offset, 64}, block.offset)) throw std::runtime_error("given to two");
    while (held.size() > 3) {
      memory::free(held.back().offset);
      held.pop_back();
    }
    memory::trim();
  }
}

/// No block can be had twice.
void check_heap() {
  std::vector<Block> taken;
  for (std::size_t const size : {64, 128, 8192, 524288})
    for (std::size_t i = 0; i < mebibyte / size + 3; ++i) taken.push_back(memory::allocate(size));
  std::sort(taken.begin(), taken.end(), [](auto const& a, auto const& b) { return a.offset < b.offset; });
  std::size_t overlaps = 0;
  for (std::size_t i = 1; i < taken.size(); ++i)
    if (taken[i].offset < taken[i - 1].offset + taken[i - 1].capacity) ++overlaps;
  REQUIRE(overlaps == 0);
  for (auto const& block : taken) memory::free(block.offset);
}

void set_fault(std::string const& point, std::string const& action, int nth) {
  ::setenv("COHORT_FAULT", (point + ":" + action + ":" + std::to_string(nth)).c_str(), 1);
}

/// Starts a child that should come to the point, and waits until it has. True if it did.
template <class Body>
bool meets(std::string const& point, std::string const& action, int nth, test::Child& child, Body body) {
  child = test::start_child([&] {
    ::signal(SIGABRT, SIG_DFL);
    set_fault(point, action, nth);
    body();
    ::_exit(77);
  });
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child.pid), &info, WEXITED | WSTOPPED | WNOWAIT);
  if (info.si_code == CLD_EXITED) return info.si_status == 0;
  return info.si_status == (action == "kill9" ? SIGKILL : action == "abort" ? SIGABRT : SIGSTOP);
}

/// The heap works on while the child is where it is, and is whole after it was reaped.
void bury(test::Child const& child, std::size_t live) {
  // A process that only stopped blocks nobody.
  auto const begin = std::chrono::steady_clock::now();
  REQUIRE(test::in_child([] { use_heap(); }) == 0);
  check_heap();
  REQUIRE(std::chrono::steady_clock::now() - begin < std::chrono::seconds(2));
  ::kill(child.pid, SIGKILL);
  test::reap(child);
  REQUIRE(memory::heap_usage().live == live);
  check_heap();
  REQUIRE(memory::heap_usage().live == live);
}

char const* const actions[] = {"kill9", "exit0", "abort", "stop"};

}  // namespace

TEST_CASE("a death at any point of the heap loses nothing") {
  auto const live = memory::heap_usage().live;
  for (char const* const point :
       {"heap.pop.announced", "heap.pop.owned", "heap.pop.finished", "heap.push.linked", "heap.push.done",
        "heap.free.marked", "heap.prepare.chained", "heap.run.building", "heap.run.built",
        "heap.run.published", "heap.run.dissolving", "heap.trim.claimed", "heap.trim.removed"}) {
    for (std::string const action : actions) {
      for (int const nth : {1, 2, 3}) {
        INFO(point << ' ' << action << ' ' << nth);
        memory::trim();
        test::Child child{};
        REQUIRE(meets(point, action, nth, child, use_heap));
        bury(child, live);
      }
    }
  }
}

TEST_CASE("a death of the sweeper leaves the rest to the next") {
  auto const live = memory::heap_usage().live;
  // What the first to die was doing, and where the one that swept it then died.
  for (char const* const first :
       {"heap.pop.announced", "heap.push.linked", "heap.run.building", "heap.free.marked"}) {
    for (char const* const point : {"heap.sweep.marked", "heap.sweep.taken", "heap.pop.owned",
                                    "heap.push.linked", "heap.push.done", "heap.run.dissolving"}) {
      for (int const nth : {1, 2}) {
        INFO(first << ' ' << point << ' ' << nth);
        memory::trim();
        test::Child dead{}, sweeper{};
        REQUIRE(meets(first, "kill9", 5, dead, use_heap));
        ::waitpid(dead.pid, nullptr, 0);
        bool const met = meets(point, "kill9", nth, sweeper, [&] { memory::sweep(dead.slot.number); });
        // Not every sweep has as much to do.
        REQUIRE((met || nth > 1 || std::string(point).find("heap.sweep.") != 0 || point[11] == 't'));
        test::reap(sweeper);
        memory::sweep(dead.slot.number);
        memory::release_slot(dead.slot);
        REQUIRE(memory::heap_usage().live == live);
        check_heap();
      }
    }
  }
}

TEST_CASE("a death between the words of a slot leaves no slot behind") {
  auto const live = memory::heap_usage().live;
  for (std::string const action : {"kill9", "exit0", "abort"}) {
    INFO(action);
    // The child dies as it claims a slot for its own child, of which nobody else knows.
    test::Child child{};
    REQUIRE(meets("slots.claim.claimed", action, 1, child, [] { memory::claim_slot(); }));
    test::reap(child);
    REQUIRE(memory::reclaim_orphans() == 1);

    // As it takes one back.
    for (char const* const point : {"slots.reclaim.taken", "slots.reclaim.swept"}) {
      auto const parent = test::start_child([] {
        auto const child = test::start_child([] { memory::allocate(1000); });
        ::waitpid(child.pid, nullptr, 0);
      });
      test::reap(parent);
      REQUIRE(memory::heap_usage().live > live);
      REQUIRE(meets(point, action, 1, child, [] { memory::reclaim_orphans(); }));
      test::reap(child);
      REQUIRE(memory::reclaim_orphans() == 1);
      REQUIRE(memory::heap_usage().live == live);
    }
  }
  // As it adopts its own.
  auto const slot = memory::claim_slot();
  pid_t const pid = ::fork();
  if (pid == 0) {
    set_fault("slots.adopt.identified", "kill9", 1);
    memory::adopt_slot(slot);
    ::_exit(77);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  REQUIRE(WTERMSIG(status) == SIGKILL);
  memory::record_exit(slot, status);
  REQUIRE(memory::exit_record(slot) == status);
  memory::release_slot(slot);
}

TEST_CASE("a record of a ring is there whole or not at all") {
  auto const block = memory::allocate(4096);
  for (std::string const action : {"kill9", "exit0", "abort"}) {
    for (int const nth : {1, 2, 20}) {
      for (bool const done : {false, true}) {
        memory::Ring::create(block.offset, block.capacity);
        memory::RingConsumer consumer(block.offset, block.capacity);
        test::Child child{};
        REQUIRE(meets(done ? "ring.publish.done" : "ring.publish.written", action, nth, child, [&] {
          memory::RingProducer producer(block.offset, block.capacity);
          for (std::uint64_t id = 0;; ++id) {
            std::memset(producer.reserve(50), static_cast<int>(id), 50);
            producer.publish(id);
          }
        }));
        test::reap(child);
        std::uint64_t count = 0;
        for (; auto const record = consumer.peek(); ++count) {
          REQUIRE(record->id == count);
          for (auto const byte : record->payload) REQUIRE(byte == static_cast<std::byte>(count));
          consumer.pop();
        }
        REQUIRE(count == static_cast<std::uint64_t>(done ? nth : nth - 1));

        // The ring goes on with a new producer; now a consumer dies.
        memory::RingProducer producer(block.offset, block.capacity);
        for (std::uint64_t id = 0; id < 30; ++id) {
          REQUIRE(producer.reserve(20) != nullptr);
          producer.publish(id);
        }
        REQUIRE(meets(done ? "ring.pop.done" : "ring.pop.before", action, nth, child, [&] {
          memory::RingConsumer consumer(block.offset, block.capacity);
          while (auto const record = consumer.peek()) {
            consumer.start(*record);
            consumer.pop();
          }
        }));
        test::reap(child);
        auto const left = producer.records();
        REQUIRE(left.size() == static_cast<std::size_t>(done ? 30 - nth : 31 - nth));
        for (std::size_t i = 0; i < left.size(); ++i)
          REQUIRE((left[i].state == memory::RecordState::started) == (!done && i == 0));
      }
    }
  }
  memory::free(block.offset);
}
