#include "../memory/children.hpp"
#include "memory/heap.hpp"
#include "memory/ring.hpp"
#include "os/futex.hpp"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <vector>

/// What the shared heap and the rings cost, beside the bare futex and the pipe, in the same run.
namespace memory = cohort::memory;
namespace os = cohort::os;

namespace {

template <class Body> double nanoseconds_per(int count, Body body) {
  auto const begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count() / count;
}

void heap() {
  constexpr int count = 1'000'000;
  for (std::size_t const size : {64, 1000, 60000, 500000, 3000000}) {
    fmt::print("allocate and free {:>7} bytes      {:8.1f} ns\n", size, nanoseconds_per(count, [&] {
                 for (int i = 0; i < count; ++i) memory::free(memory::allocate(size).offset);
               }));
  }
  std::vector<memory::Block> blocks(100'000);
  fmt::print("100,000 of 200 bytes, then freed     {:8.1f} ns\n", nanoseconds_per(100'000, [&] {
               for (auto& block : blocks) block = memory::allocate(200);
               for (auto const& block : blocks) memory::free(block.offset);
             }));
  fmt::print("two processes at once, 1000 bytes    {:8.1f} ns\n", nanoseconds_per(count, [&] {
               auto const loop = [] {
                 for (int i = 0; i < count; ++i) memory::free(memory::allocate(1000).offset);
               };
               auto const child = test::start_child(loop);
               loop();
               test::reap(child);
             }));
}

struct RingPair {
  memory::Block there = memory::allocate(65536), back = memory::allocate(65536);
  RingPair() {
    for (auto const& block : {there, back}) memory::Ring::create(block.offset, block.capacity);
  }
};

void send(memory::RingProducer& ring, std::size_t size) {
  for (;;) {
    auto const head = ring.head_word().load();
    if (auto* const to = ring.reserve(size)) {
      std::memset(to, 1, size);
      ring.publish(0);
      return;
    }
    os::futex_wait(ring.head_word(), head);
  }
}
void receive(memory::RingConsumer& ring) {
  for (;;) {
    auto const tail = ring.tail_word().load();
    if (ring.peek()) break;
    os::futex_wait(ring.tail_word(), tail);
  }
  ring.pop();
}

void one_way() {
  constexpr int count = 2'000'000;
  for (std::size_t const size : {8, 1000}) {
    RingPair const rings;
    auto const child = test::start_child([&] {
      memory::RingProducer out(rings.there.offset, rings.there.capacity);
      for (int i = 0; i < count; ++i) {
        send(out, size);
        // Only now and then, as if for a sleeper: the wake-up is not what is measured here.
        if (i % 16 == 15 || i + 1 == count) os::futex_wake(out.tail_word());
      }
    });
    memory::RingConsumer in(rings.there.offset, rings.there.capacity);
    fmt::print("ring, one way, {:>4} bytes             {:8.1f} ns a record\n", size,
               nanoseconds_per(count, [&] {
                 for (int i = 0; i < count; ++i) {
                   receive(in);
                   if (i % 16 == 15) os::futex_wake(in.head_word());
                 }
               }));
    test::reap(child);
  }
}

void round_trips() {
  constexpr int count = 50'000;
  {
    RingPair const rings;
    auto const child = test::start_child([&] {
      memory::RingConsumer in(rings.there.offset, rings.there.capacity);
      memory::RingProducer out(rings.back.offset, rings.back.capacity);
      for (int i = 0; i < count; ++i) {
        receive(in);
        send(out, 64);
        os::futex_wake(out.tail_word());
      }
    });
    memory::RingProducer out(rings.there.offset, rings.there.capacity);
    memory::RingConsumer in(rings.back.offset, rings.back.capacity);
    fmt::print("ring, round trip                     {:8.1f} ns\n", nanoseconds_per(count, [&] {
                 for (int i = 0; i < count; ++i) {
                   send(out, 64);
                   os::futex_wake(out.tail_word());
                   receive(in);
                 }
               }));
    test::reap(child);
  }
  {
    struct Words {
      alignas(64) std::atomic<std::uint32_t> there;
      alignas(64) std::atomic<std::uint32_t> back;
    };
    auto& words = memory::arena().at<Words>(memory::allocate(sizeof(Words)).offset);
    words.there = words.back = 0;
    auto const await = [](auto& word, std::uint32_t before) {
      while (word.load() == before) os::futex_wait(word, before);
    };
    auto const child = test::start_child([&] {
      for (std::uint32_t i = 0; i < count; ++i) {
        await(words.there, i);
        words.back = i + 1;
        os::futex_wake(words.back);
      }
    });
    fmt::print("bare futex, round trip               {:8.1f} ns\n", nanoseconds_per(count, [&] {
                 for (std::uint32_t i = 0; i < count; ++i) {
                   words.there = i + 1;
                   os::futex_wake(words.there);
                   await(words.back, i);
                 }
               }));
    test::reap(child);
  }
  {
    int there[2], back[2];
    if (::pipe(there) != 0 || ::pipe(back) != 0) return;
    std::array<char, 64> bytes{};
    auto const pass = [&](int from, int to) {
      return ::read(from, bytes.data(), bytes.size()) > 0 && ::write(to, bytes.data(), bytes.size()) > 0;
    };
    auto const child = test::start_child([&] {
      for (int i = 0; i < count; ++i)
        if (!pass(there[0], back[1])) return;
    });
    fmt::print("pipe, round trip                     {:8.1f} ns\n", nanoseconds_per(count, [&] {
                 if (::write(there[1], bytes.data(), bytes.size()) < 0) return;
                 for (int i = 1; i < count; ++i)
                   if (!pass(back[0], there[1])) return;
                 if (::read(back[0], bytes.data(), bytes.size()) < 0) return;
               }));
    test::reap(child);
  }
}

}  // namespace

int main() {
  heap();
  one_way();
  round_trips();
}
