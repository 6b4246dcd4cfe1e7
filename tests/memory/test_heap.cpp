#include "memory/children.hpp"
#include "memory/heap.hpp"

#include <cohort/errors.hpp>

#include <sys/stat.h>
#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <thread>
#include <vector>

namespace memory = cohort::memory;
using memory::Block;

namespace {

constexpr std::size_t mebibyte = 1 << 20;

/// Memory the arena really takes.
std::size_t resident() {
  struct stat status {};
  ::fstat(memory::arena().descriptor(), &status);
  return static_cast<std::size_t>(status.st_blocks) * 512;
}

/// Every block that can be had from the extents there are, by size: none may come twice or overlap.
void check_no_block_twice() {
  std::map<memory::Offset, std::size_t> taken;
  for (std::size_t size : {64, 1024, 4096, 65536}) {
    for (int i = 0; i < 3000 && i * size < 64 * mebibyte; ++i) {
      auto const block = memory::allocate(size);
      REQUIRE(taken.emplace(block.offset, block.capacity).second);
    }
  }
  memory::Offset end = 0;
  for (auto const& [offset, capacity] : taken) {
    REQUIRE(offset >= end);
    end = offset + capacity;
  }
  for (auto const& [offset, capacity] : taken) memory::free(offset);
}

/// Allocates, hands over and frees at random, checking what it wrote.
void churn(std::mt19937& random, std::vector<std::pair<Block, std::uint64_t>>& held, std::size_t largest) {
  if (held.size() < 50 && random() % 2 == 0) {
    // Sizes of all magnitudes.
    auto const size = std::min<std::size_t>(largest, (std::size_t{64} << random() % 17) + random() % 64);
    std::uint64_t const seed = random();
    auto const block = memory::allocate(size);
    if (block.capacity < size) throw std::runtime_error("too small a block");
    test::fill({block.offset, std::min<std::size_t>(block.capacity, 4096)}, seed);
    held.emplace_back(block, seed);
  } else if (!held.empty()) {
    std::swap(held[random() % held.size()], held.back());
    auto const& [block, seed] = held.back();
    if (!test::is_filled({block.offset, std::min<std::size_t>(block.capacity, 4096)}, seed))
      throw std::runtime_error("a block was given to two");
    memory::free(block.offset);
    held.pop_back();
  }
}

}  // namespace

TEST_CASE("blocks are large enough, aligned and apart") {
  auto const before = memory::heap_usage().live;
  std::vector<std::pair<Block, std::uint64_t>> blocks;
  for (std::size_t size :
       {0, 1, 63, 64, 65, 128, 4096, 5000, 65536, 524288, 524289, 1048576, 1048577, 9000000}) {
    auto const block = memory::allocate(size);
    REQUIRE(block.capacity >= size);
    REQUIRE(block.offset % 64 == 0);
    REQUIRE(memory::capacity_of(block.offset) == block.capacity);
    REQUIRE(memory::owner_of(block.offset) == memory::my_slot().number);
    test::fill(block, size + 1);
    blocks.emplace_back(block, size + 1);
  }
  for (auto const& [block, seed] : blocks) REQUIRE(test::is_filled(block, seed));
  for (auto const& [block, seed] : blocks) memory::free(block.offset);
  REQUIRE(memory::heap_usage().live == before);
}

TEST_CASE("what is not a block in use is refused") {
  auto const small = memory::allocate(100);
  auto const large = memory::allocate(3 * mebibyte);
  for (auto const offset :
       {small.offset + 64, small.offset + 1, large.offset + mebibyte, large.offset + 64, memory::Offset{0},
        memory::Offset{4096}, memory::Offset{1} << 50, memory::arena().size() - mebibyte}) {
    REQUIRE_THROWS_AS(memory::free(offset), cohort::AssertionError);
    REQUIRE(memory::owner_of(offset) == 0);
  }
  memory::free(small.offset);
  memory::free(large.offset);
  REQUIRE_THROWS_WITH(memory::free(small.offset), Catch::Contains("freed twice"));
  REQUIRE_THROWS_AS(memory::free(large.offset), cohort::AssertionError);
  REQUIRE_THROWS_AS(memory::sweep(memory::my_slot().number), cohort::AssertionError);
}

TEST_CASE("threads share the heap") {
  auto const before = memory::heap_usage().live;
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([seed, &failures] {
      std::mt19937 random(seed);
      std::vector<std::pair<Block, std::uint64_t>> held;
      try {
        for (int i = 0; i < 20000; ++i) churn(random, held, 100000);
      } catch (std::exception const&) {
        ++failures;
      }
      for (auto const& [block, mark] : held) memory::free(block.offset);
    });
  }
  for (auto& thread : threads) thread.join();
  REQUIRE(failures == 0);
  REQUIRE(memory::heap_usage().live == before);
}

TEST_CASE("a block handed over outlives the giver, and dies with the taker") {
  auto const before = memory::heap_usage().live;
  auto const shared = memory::allocate(64);
  auto& offsets = memory::arena().at<std::array<memory::Offset, 2>>(shared.offset);
  auto const parent = memory::my_slot();
  auto const child = test::start_child([&] {
    for (std::size_t i = 0; i < 2; ++i) {
      auto const block = memory::allocate(i == 0 ? 1000 : 3 * mebibyte);
      test::fill(block, 7);
      offsets[i] = block.offset;
      if (!memory::reassign(block.offset, memory::my_slot(), parent)) ::_exit(3);
      if (memory::reassign(block.offset, memory::my_slot(), parent)) ::_exit(4);  // not his any more
      memory::allocate(i == 0 ? 1000 : 3 * mebibyte);
    }
  });
  REQUIRE(test::reap(child) == 0);
  REQUIRE(memory::heap_usage().live == before + 64 + 1024 + 3 * mebibyte);
  for (auto const offset : offsets) {
    REQUIRE(memory::owner_of(offset) == parent.number);
    REQUIRE(test::is_filled({offset, memory::capacity_of(offset)}, 7));
    REQUIRE(memory::reassign(offset, parent, child.slot));
  }
  memory::sweep(child.slot.number);
  memory::free(shared.offset);
  REQUIRE(memory::heap_usage().live == before);
}

TEST_CASE("memory that was freed goes back to the kernel, but for a warm rest") {
  auto const block = memory::allocate(300 * mebibyte);
  test::fill(block, 1);
  REQUIRE(resident() >= 300 * mebibyte);
  memory::free(block.offset);
  REQUIRE(resident() <= 80 * mebibyte);
  auto const warm = memory::allocate(20 * mebibyte);
  REQUIRE(warm.offset == block.offset);
  memory::free(warm.offset);

  // Small blocks too.
  std::vector<Block> small;
  for (int i = 0; i < 200 * 16; ++i) test::fill(small.emplace_back(memory::allocate(65536)), 1);
  REQUIRE(resident() >= 200 * mebibyte);
  for (auto const& each : small) memory::free(each.offset);
  REQUIRE(resident() <= 110 * mebibyte);
  memory::trim();
  REQUIRE(resident() <= 10 * mebibyte);
}

TEST_CASE("beyond its budget the heap refuses, and says so") {
  auto const budget = memory::arena().budget();
  memory::trim();
  memory::arena().set_budget(memory::heap_usage().claimed + 20 * mebibyte);
  auto const large = memory::allocate(15 * mebibyte);
  REQUIRE_THROWS_AS(memory::allocate(6 * mebibyte), std::bad_alloc);
  REQUIRE_THROWS_WITH(memory::allocate(6 * mebibyte),
                      Catch::Contains("cohort: no shared memory for 6291456 bytes") &&
                          Catch::Contains("COHORT_MEMORY_LIMIT"));
  REQUIRE_THROWS_AS(memory::allocate(std::size_t{1} << 62), memory::OutOfMemory);
  std::vector<Block> small;
  try {
    for (;;) small.push_back(memory::allocate(65536));
  } catch (memory::OutOfMemory const&) {
    REQUIRE(small.size() >= 5 * 16);
  }
  memory::free(large.offset);
  auto const again = memory::allocate(15 * mebibyte);
  memory::free(again.offset);
  for (auto const& each : small) memory::free(each.offset);
  // Free extents of blocks can become runs.
  memory::free(memory::allocate(20 * mebibyte).offset);
  memory::arena().set_budget(budget);
}

TEST_CASE("processes hammer the heap") {
  auto const before = memory::heap_usage().live;
  std::vector<test::Child> children;
  for (unsigned seed = 0; seed < 4; ++seed) {
    children.push_back(test::start_child([seed] {
      std::mt19937 random(seed);
      std::vector<std::pair<Block, std::uint64_t>> held;
      for (int i = 0; i < 50000; ++i) churn(random, held, 4 * mebibyte);
    }));
  }
  for (auto const& child : children) REQUIRE(test::reap(child) == 0);
  REQUIRE(memory::heap_usage().live == before);
  check_no_block_twice();
}

TEST_CASE("after a storm of kills everything is given back") {
  auto const before = memory::heap_usage().live;
  auto const end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  std::mt19937 random(1);
  std::vector<test::Child> children(3);
  auto const start = [&](test::Child& child) {
    auto const seed = random();
    child = test::start_child([seed] {
      std::mt19937 random(seed);
      std::vector<std::pair<Block, std::uint64_t>> held;
      for (;;) churn(random, held, 3 * mebibyte);
    });
  };
  for (auto& child : children) start(child);
  int kills = 0;
  for (; kills < 600 && std::chrono::steady_clock::now() < end; ++kills) {
    ::usleep(random() % 3000);
    auto& victim = children[random() % children.size()];
    ::kill(victim.pid, SIGKILL);
    int const status = test::reap(victim);
    REQUIRE((WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL));
    start(victim);
  }
  for (auto& child : children) {
    ::kill(child.pid, SIGKILL);
    test::reap(child);
  }
  INFO(kills << " kills");
  REQUIRE(kills > 10);  // many more, but on a loaded machine under a sanitizer
  REQUIRE(memory::heap_usage().live == before);
  check_no_block_twice();
  memory::trim();
  REQUIRE(memory::heap_usage().claimed <= before + 4 * mebibyte);
}
