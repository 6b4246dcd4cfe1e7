#include <cohort/detail/payload.hpp>

#include "memory/heap.hpp"

#include <unistd.h>

#include <algorithm>

namespace cohort::detail {

Payload::Payload(std::uint64_t block, std::size_t size) : block_(block), size_(size), process_(::getpid()) {}

std::span<std::byte const> Payload::block_bytes() const { return {memory::arena().base() + block_, size_}; }

void Payload::free_block() noexcept {
  if (process_ == ::getpid()) memory::free(block_);
}

PayloadWriter::~PayloadWriter() {
  if (block_ != 0) memory::free(block_);
}

void PayloadWriter::restart() {
  if (block_ != 0) memory::free(std::exchange(block_, 0));
  begin_ = at_ = small_.data();
  end_ = begin_ + small_.size();
  shared.reset();  // the next message knows nothing of this one's objects
  depth = 0;
}

void PayloadWriter::overflow(void const* source, std::size_t count) {
  auto const written = size();
  auto const block =
      memory::allocate(std::max(written + count, written < (1 << 20) ? 4 * written : 2 * written));
  std::byte* const target = memory::arena().base() + block.offset;
  std::memcpy(target, begin_, written);
  if (block_ != 0) memory::free(block_);
  block_ = block.offset;
  begin_ = target;
  std::memcpy(target + written, source, count);
  at_ = target + written + count;
  end_ = target + block.capacity;
}

Payload PayloadWriter::finish() {
  Payload payload;
  if (block_ != 0) {
    payload = Payload(std::exchange(block_, 0), size());
  } else {
    payload = Payload(std::vector<std::byte>(begin_, at_));
  }
  restart();
  return payload;
}

}  // namespace cohort::detail
