#include <cohort/detail/message.hpp>

#include <fmt/format.h>

#include "os/fork.hpp"
#include "os/socket.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

namespace cohort::detail {
namespace {

struct Run {
  std::byte* data = nullptr;
  std::size_t capacity = 0;
};

/// The memory of past messages: a few runs, none of them small enough for malloc to be quick nor large enough
/// to be missed.
class Spares {
 public:
  static constexpr std::size_t smallest = 64 << 10, largest = 4 << 20;

  /// The largest run there is; an empty one if there is none.
  Run take() {
    std::scoped_lock const turn(*this);
    auto const best =
        std::max_element(runs_.begin(), runs_.end(), [](Run a, Run b) { return a.capacity < b.capacity; });
    return std::exchange(*best, {});
  }
  void give(Run run) {
    if (run.capacity >= smallest && run.capacity <= largest) {
      std::scoped_lock const turn(*this);
      for (auto& place : runs_)
        if (place.data == nullptr) std::swap(place, run);
    }
    std::free(run.data);
  }

  void lock() {
    // What a thread left half done at a fork is never touched again.
    if (!mutex_.lock_whole()) runs_ = {};
  }
  void unlock() { mutex_.unlock(); }

 private:
  os::ForkMutex mutex_;
  std::array<Run, 4> runs_{};
};

constinit os::Immortal<Spares> spares;

}  // namespace

Buffer::~Buffer() {
  if (data_ != nullptr) spares.value.give({data_, capacity_});
}

void Buffer::reserve(std::size_t capacity) {
  if (data_ == nullptr && capacity >= Spares::smallest && capacity <= Spares::largest) {
    auto const spare = spares.value.take();
    data_ = spare.data;
    capacity_ = spare.capacity;
  }
  if (capacity <= capacity_) return;
  // For large runs realloc moves pages, not bytes.
  auto* const larger = static_cast<std::byte*>(std::realloc(data_, capacity));
  if (larger == nullptr) throw std::bad_alloc();
  data_ = larger;
  capacity_ = capacity;
}

OutgoingMessage::OutgoingMessage() {
  begin_ = at_ = small_;
  end_ = small_ + sizeof small_;
}

void OutgoingMessage::overflow(void const* source, std::size_t count) {
  auto const written = size();
  bool const was_small = begin_ == small_;
  large_.reserve(std::max(written + count, 2 * written));
  if (was_small) std::memcpy(large_.data(), small_, written);
  std::memcpy(large_.data() + written, source, count);
  begin_ = large_.data();
  at_ = begin_ + written + count;
  end_ = begin_ + large_.capacity();
}

std::size_t OutgoingMessage::attach(int descriptor) {
  if (descriptors_.size() == os::max_descriptors_per_message)
    throw PicklingError(
        fmt::format("cohort: more than {} descriptors and connections in one message; send them in several",
                    os::max_descriptors_per_message));
  descriptors_.push_back(descriptor);
  return descriptors_.size() - 1;
}

}  // namespace cohort::detail
