#include "memory/children.hpp"
#include "memory/ring.hpp"

#include <cohort/errors.hpp>

#include "os/futex.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace memory = cohort::memory;
using memory::RecordState;
using memory::RingConsumer;
using memory::RingProducer;

namespace {

struct Fixture {
  explicit Fixture(std::size_t size) : block(memory::allocate(size)) {
    memory::Ring::create(block.offset, block.capacity);
  }
  ~Fixture() { memory::free(block.offset); }
  RingProducer producer() const { return {block.offset, block.capacity}; }
  RingConsumer consumer() const { return {block.offset, block.capacity}; }

  memory::Block block;
};

bool put(RingProducer& ring, std::uint64_t id, std::string const& text) {
  auto* const to = ring.reserve(text.size());
  if (to == nullptr) return false;
  std::memcpy(to, text.data(), text.size());
  ring.publish(id);
  return true;
}
std::string text_of(memory::RingRecord const& record) {
  return {reinterpret_cast<char const*>(record.payload.data()), record.payload.size()};
}

/// The length and contents of a record follow from its id.
std::size_t length_of(std::uint64_t id) { return id * 7919 % 3000; }
void write(std::byte* to, std::uint64_t id) {
  for (std::size_t i = 0; i < length_of(id); ++i) to[i] = static_cast<std::byte>(id * 31 + i);
}
bool is_right(memory::RingRecord const& record) {
  if (record.payload.size() != length_of(record.id)) return false;
  for (std::size_t i = 0; i < record.payload.size(); ++i)
    if (record.payload[i] != static_cast<std::byte>(record.id * 31 + i)) return false;
  return true;
}

}  // namespace

TEST_CASE("records come out as they went in") {
  Fixture const ring(1024);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  REQUIRE_FALSE(consumer.peek());
  std::uint64_t in = 0, out = 0;
  for (int round = 0; round < 1000; ++round) {
    while (put(producer, in, std::string(in * 7 % 200, static_cast<char>('a' + in % 26)))) ++in;
    REQUIRE(producer.records().size() == in - out);
    for (int i = 0; i < round % 5 && out < in; ++i, ++out) {
      auto const record = consumer.peek();
      REQUIRE(record);
      REQUIRE(record->id == out);
      REQUIRE(text_of(*record) == std::string(out * 7 % 200, static_cast<char>('a' + out % 26)));
      REQUIRE(reinterpret_cast<std::uintptr_t>(record->payload.data()) % 16 == 0);
      consumer.pop();
    }
  }
  REQUIRE(out > 1000);
}

TEST_CASE("a record of the largest size fits wherever the ring stands") {
  Fixture const ring(2048);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  for (int shift = 0; shift < 200; ++shift) {
    REQUIRE(put(producer, 1, std::string(shift % 40, 'x')));
    REQUIRE(consumer.peek());
    consumer.pop();
    REQUIRE(put(producer, 2, std::string(producer.largest_payload(), 'y')));
    REQUIRE(consumer.peek()->payload.size() == producer.largest_payload());
    consumer.pop();
    REQUIRE_FALSE(consumer.peek());
  }
  REQUIRE_THROWS_AS(producer.reserve(producer.largest_payload() + 1), cohort::ValueError);
}

TEST_CASE("less may be published than was reserved") {
  Fixture const ring(4096);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  for (std::uint64_t id = 0; id < 100; ++id) {
    auto* const to = producer.reserve(500);
    REQUIRE(to != nullptr);
    REQUIRE(producer.reserve(500) == to);
    std::memset(to, 'z', 500);
    producer.publish(id, id % 33);
    auto const record = consumer.peek();
    REQUIRE(record->id == id);
    REQUIRE(text_of(*record) == std::string(id % 33, 'z'));
    consumer.pop();
  }
  producer.reserve(10);
  REQUIRE_THROWS_AS(producer.publish(1, 11), cohort::AssertionError);
}

TEST_CASE("a record is started or revoked, never both") {
  Fixture const ring(4096);
  auto producer = ring.producer();
  auto consumer = ring.consumer();
  std::vector<memory::RingPosition> positions;
  for (std::uint64_t id = 0; id < 4; ++id) {
    producer.reserve(10);
    positions.push_back(producer.publish(id));
  }
  REQUIRE(producer.revoke(positions[0]));
  REQUIRE_FALSE(producer.revoke(positions[0]));
  auto record = consumer.peek();
  REQUIRE(record->id == 1);
  REQUIRE(producer.revoke(positions[1]));  // after the peek
  REQUIRE_FALSE(consumer.start(*record));
  record = consumer.peek();
  REQUIRE(record->id == 2);
  REQUIRE(consumer.start(*record));
  REQUIRE_FALSE(producer.revoke(positions[2]));
  REQUIRE(producer.state(positions[2]) == RecordState::started);
  REQUIRE(producer.state(positions[3]) == RecordState::pending);
  REQUIRE_FALSE(producer.state(positions[0]));

  // What the parent reads when the consumer dies now.
  auto const left = producer.records();
  REQUIRE(left.size() == 2);
  REQUIRE((left[0].id == 2 && left[0].state == RecordState::started));
  REQUIRE((left[1].id == 3 && left[1].state == RecordState::pending));
  consumer.pop();
  REQUIRE_FALSE(producer.state(positions[2]));
  REQUIRE_FALSE(producer.revoke(positions[2]));
}

TEST_CASE("a wild index is an error, not a wild access") {
  Fixture const ring(4096);
  auto producer = ring.producer();
  put(producer, 1, "hello");
  auto consumer = ring.consumer();
  auto const expect_damage = [&](auto action) { REQUIRE_THROWS_WITH(action(), Catch::Contains("damaged")); };

  SECTION("tail") {
    producer.tail_word() = 0x80000000;
    expect_damage([&] { ring.producer(); });
    expect_damage([&] { ring.consumer(); });
    expect_damage([&] { producer.records(); });
    consumer.pop();
    consumer.peek();
    consumer.pop();
    expect_damage([&] { consumer.peek(); });
  }
  SECTION("head") {
    producer.head_word() = 77;
    expect_damage([&] { producer.records(); });
    expect_damage([&] { producer.revoke(0); });
    expect_damage([&] {
      for (;;)
        if (!put(producer, 2, std::string(1000, 'x'))) break;
    });
  }
  SECTION("length") {
    auto* const length = reinterpret_cast<std::uint32_t*>(consumer.peek()->payload.data() - 16);
    for (std::uint32_t const wild : {17u, 4096u, 0xfffffff0u, 0xffffffffu}) {
      *length = wild;
      expect_damage([&] { consumer.peek(); });
      expect_damage([&] { producer.records(); });
    }
  }
  SECTION("no ring") {
    auto const block = memory::allocate(4096);
    std::memset(memory::arena().base() + block.offset, 0, block.capacity);
    expect_damage([&] { RingConsumer(block.offset, block.capacity); });
    expect_damage([&] { RingConsumer(ring.block.offset, 1024); });
    memory::free(block.offset);
  }
}

TEST_CASE("a process receives what another sends") {
  constexpr std::uint64_t count = 200000;
  Fixture const ring(65536);
  auto const child = test::start_child([&] {
    auto producer = ring.producer();
    for (std::uint64_t id = 0; id < count; ++id) {
      std::byte* to;
      for (;;) {
        auto const head = producer.head_word().load();
        if ((to = producer.reserve(length_of(id))) != nullptr) break;
        cohort::os::futex_wait(producer.head_word(), head);
      }
      write(to, id);
      producer.publish(id);
      cohort::os::futex_wake(producer.tail_word());
    }
  });
  auto consumer = ring.consumer();
  std::uint64_t wrong = 0;
  for (std::uint64_t id = 0; id < count; ++id) {
    for (;;) {
      auto const tail = consumer.tail_word().load();
      if (auto const record = consumer.peek()) {
        if (record->id != id || !is_right(*record)) ++wrong;
        break;
      }
      cohort::os::futex_wait(consumer.tail_word(), tail);
    }
    consumer.pop();
    cohort::os::futex_wake(consumer.head_word());
  }
  REQUIRE(wrong == 0);
  REQUIRE(test::reap(child) == 0);
}

TEST_CASE("of a producer that revokes and a consumer that starts one wins") {
  constexpr std::uint64_t count = 30000;
  Fixture const ring(4096);
  auto const ledger = memory::allocate(count);
  auto* const started = reinterpret_cast<std::atomic<std::uint8_t>*>(memory::arena().base() + ledger.offset);
  std::memset(static_cast<void*>(started), 0, count);
  auto const child = test::start_child([&] {
    auto consumer = ring.consumer();
    for (;;) {
      auto const record = consumer.peek();
      if (!record) continue;
      if (record->id == count) return;
      if (!consumer.start(*record)) continue;
      ++started[record->id];
      consumer.pop();
    }
  });
  auto producer = ring.producer();
  std::vector<bool> revoked(count);
  std::vector<memory::RingPosition> positions(count);
  std::mt19937 random(1);
  for (std::uint64_t id = 0; id < count; ++id) {
    while (producer.reserve(id % 40) == nullptr) std::this_thread::yield();
    positions[id] = producer.publish(id);
    auto const other = id - std::min<std::uint64_t>(id, random() % 8);
    if (producer.revoke(positions[other])) revoked[other] = true;
  }
  while (producer.reserve(0) == nullptr) std::this_thread::yield();
  producer.publish(count);
  REQUIRE(test::reap(child) == 0);
  std::size_t taken_back = 0, wrong = 0;
  for (std::uint64_t id = 0; id < count; ++id) {
    if (revoked[id]) ++taken_back;
    if (started[id] != (revoked[id] ? 0 : 1)) ++wrong;
  }
  REQUIRE(wrong == 0);
  REQUIRE(taken_back > 0);
  REQUIRE(taken_back < count);
  memory::free(ledger.offset);
}

TEST_CASE("what killed consumers left is known exactly") {
  constexpr std::uint64_t count = 20000;
  Fixture const ring(32768);
  auto const ledger = memory::allocate(count);
  auto* const runs = reinterpret_cast<std::atomic<std::uint8_t>*>(memory::arena().base() + ledger.offset);
  std::memset(static_cast<void*>(runs), 0, count);
  auto producer = ring.producer();
  std::mt19937 random(1);
  std::uint64_t next = 0, lost = 0;
  int kills = 0;
  std::vector<bool> in_flight(count);
  while (next < count) {
    auto const child = test::start_child([&] {
      auto consumer = ring.consumer();
      for (;;) {
        auto const record = consumer.peek();
        if (!record || !consumer.start(*record)) continue;
        if (!is_right(*record)) ::_exit(3);
        ++runs[record->id];
        consumer.pop();
      }
    });
    for (auto const target = std::min<std::uint64_t>(count, next + 1 + random() % 400); next < target;) {
      auto* const to = producer.reserve(length_of(next));
      if (to == nullptr) {
        std::this_thread::yield();
        continue;
      }
      write(to, next);
      producer.publish(next++);
    }
    ::kill(child.pid, SIGKILL);
    REQUIRE(WTERMSIG(test::reap(child)) == SIGKILL);
    ++kills;
    // The parent takes over what the dead consumer had begun, the next one does the rest.
    auto consumer = ring.consumer();
    while (auto const record = consumer.peek()) {
      if (record->state != RecordState::started) break;
      in_flight[record->id] = true;
      ++lost;
      consumer.pop();
    }
  }
  auto consumer = ring.consumer();
  while (auto const record = consumer.peek()) {
    ++runs[record->id];
    consumer.pop();
  }
  std::size_t wrong = 0;
  for (std::uint64_t id = 0; id < count; ++id)
    if (runs[id] != 1 && !(in_flight[id] && runs[id] == 0)) ++wrong;
  INFO(kills << " kills, " << lost << " records in flight");
  REQUIRE(wrong == 0);
  REQUIRE(kills > 3);
  REQUIRE(lost <= static_cast<std::uint64_t>(kills));
  memory::free(ledger.offset);
}
