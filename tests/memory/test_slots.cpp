#include "memory/children.hpp"
#include "memory/slots.hpp"

#include <cohort/errors.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <system_error>
#include <thread>
#include <vector>

namespace memory = cohort::memory;
using memory::Slot;

namespace {

auto in(std::chrono::milliseconds time) { return std::chrono::steady_clock::now() + time; }

/// Shared between this process and its children.
struct Board {
  std::atomic<std::uint64_t> slot;
  std::atomic<int> pid;
  std::atomic<int> step;
};
Board& board() {
  static Board& shared = memory::arena().at<Board>(memory::allocate(sizeof(Board)).offset);
  return shared;
}
template <class Condition> bool eventually(Condition condition) {
  for (auto const end = in(std::chrono::seconds(5)); !condition(); ::usleep(500))
    if (std::chrono::steady_clock::now() > end) return false;
  return true;
}

}  // namespace

TEST_CASE("a slot is a process's, from its claim to its release") {
  auto const me = memory::my_slot();
  REQUIRE(me);
  REQUIRE(memory::my_slot() == me);
  REQUIRE(memory::process_of(me) == ::getpid());
  REQUIRE(Slot::unpack(me.pack()) == me);
  board().step = 0;
  auto const child = test::start_child([] {
    board().pid = memory::process_of(memory::my_slot());
    board().slot = memory::my_slot().pack();
    board().step = 1;
    eventually([] { return board().step == 2; });
    ::_exit(5);
  });
  REQUIRE(memory::is_alive(child.slot));
  REQUIRE(eventually([] { return board().step == 1; }));
  REQUIRE(board().slot == child.slot.pack());
  REQUIRE(board().pid == child.pid);
  REQUIRE(memory::process_of(child.slot) == child.pid);
  REQUIRE(memory::is_alive(child.slot));
  REQUIRE_FALSE(memory::exit_record(child.slot));
  REQUIRE_FALSE(memory::wait_exit_record(child.slot, in(std::chrono::milliseconds(1))));
  board().step = 2;
  int status = 0;
  ::waitpid(child.pid, &status, 0);
  REQUIRE_FALSE(memory::is_alive(child.slot));
  memory::record_exit(child.slot, status);
  REQUIRE(memory::exit_record(child.slot) == status);
  memory::release_slot(child.slot);
  REQUIRE_FALSE(memory::exit_record(child.slot));
  REQUIRE_FALSE(memory::wait_exit_record(child.slot, {}));
  REQUIRE(memory::process_of(child.slot) == 0);
  REQUIRE_THROWS_AS(memory::release_slot(child.slot), cohort::RuntimeError);
  REQUIRE_THROWS_AS(memory::adopt_slot(child.slot), cohort::RuntimeError);

  auto const next = memory::claim_slot();
  REQUIRE(next.number == child.slot.number);
  REQUIRE(next.generation != child.slot.generation);
  REQUIRE_FALSE(memory::exit_record(next));
  REQUIRE_FALSE(memory::is_alive(child.slot));
  memory::release_slot(next);
}

TEST_CASE("another process waits for an exit record") {
  auto const dying = test::start_child([] { eventually([] { return board().step == 1; }); });
  board().step = 0;
  auto const waiting = test::start_child([&] {
    auto const status = memory::wait_exit_record(dying.slot, {});
    ::_exit(status ? WTERMSIG(*status) : 99);
  });
  ::kill(dying.pid, SIGKILL);
  int status = 0;
  ::waitpid(dying.pid, &status, 0);
  memory::record_exit(dying.slot, status);
  REQUIRE(WEXITSTATUS(test::reap(waiting)) == SIGKILL);
  memory::release_slot(dying.slot);
}

TEST_CASE("when all slots are taken there is an error") {
  std::vector<Slot> claimed;
  try {
    for (;;) claimed.push_back(memory::claim_slot());
  } catch (std::system_error const& error) {
    REQUIRE(error.code() == std::errc::resource_unavailable_try_again);
  }
  REQUIRE(claimed.size() >= memory::slot_count - 8);
  REQUIRE(claimed.size() < memory::slot_count);
  for (auto const slot : claimed) memory::release_slot(slot);
}

TEST_CASE("threads claim different slots") {
  std::vector<std::thread> threads;
  std::vector<std::vector<Slot>> claimed(4);
  for (auto& mine : claimed)
    threads.emplace_back([&mine] {
      for (int i = 0; i < 200; ++i) mine.push_back(memory::claim_slot());
    });
  for (auto& thread : threads) thread.join();
  std::vector<bool> seen(memory::slot_count);
  for (auto const& mine : claimed)
    for (auto const slot : mine) {
      REQUIRE_FALSE(seen[slot.number]);
      seen[slot.number] = true;
      memory::release_slot(slot);
    }
}

TEST_CASE("the slots of orphans are taken back, but not before they are dead") {
  auto const before = memory::heap_usage().live;
  board().step = 0;
  auto const parent = test::start_child([] {
    memory::claim_slot();  // for a child that never starts
    memory::allocate(1000);
    auto const child = test::start_child([] {
      memory::allocate(1000);
      board().slot = memory::my_slot().pack();
      board().pid = ::getpid();
      board().step = 1;
      for (;;) ::pause();
    });
    ::waitpid(child.pid, nullptr, 0);
  });
  REQUIRE(eventually([] { return board().step == 1; }));
  auto const orphan = Slot::unpack(board().slot);
  REQUIRE(memory::reclaim_orphans() == 0);
  // As the death monitor would.
  ::kill(parent.pid, SIGKILL);
  test::reap(parent);
  REQUIRE(memory::is_alive(orphan));
  REQUIRE(memory::reclaim_orphans() == 1);
  REQUIRE(memory::heap_usage().live >= before + 1024);
  ::kill(board().pid, SIGKILL);
  REQUIRE(eventually([&] { return !memory::is_alive(orphan); }));
  REQUIRE(memory::reclaim_orphans() == 1);
  REQUIRE(memory::process_of(orphan) == 0);
  REQUIRE(memory::heap_usage().live <= before + 64);
}

TEST_CASE("a child whose slot was taken back does not begin") {
  board().step = 0;
  auto const parent = test::start_child([] {
    auto const slot = memory::claim_slot();
    board().slot = slot.pack();
    board().step = 1;
    for (;;) ::pause();
  });
  REQUIRE(eventually([] { return board().step == 1; }));
  auto const slot = Slot::unpack(board().slot);
  ::kill(parent.pid, SIGKILL);
  test::reap(parent);
  REQUIRE_FALSE(memory::is_alive(slot));
  REQUIRE(memory::reclaim_orphans() == 1);
  REQUIRE_THROWS_WITH(memory::adopt_slot(slot), Catch::Contains("its parent is gone"));
}
