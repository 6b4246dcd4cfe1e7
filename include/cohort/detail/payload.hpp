#pragma once
#include <cohort/detail/archive.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace cohort::detail {

/// Pickled bytes on their way to or from a worker: on the heap when they are few, else in a block of the
/// arena, where the other process reads them in place. Owns the block. Move-only; one thread at a time.
class Payload {
 public:
  /// What still fits into a ring, and so is copied there instead of getting a block.
  static constexpr std::size_t small_limit = 1024;

  Payload() = default;
  explicit Payload(std::vector<std::byte> small) : small_(std::move(small)), size_(small_.size()) {}
  /// Takes over a block that belongs to this process.
  Payload(std::uint64_t block, std::size_t size);
  Payload(Payload&& other) noexcept { swap(other); }
  Payload& operator=(Payload&& other) noexcept {
    Payload(std::move(other)).swap(*this);
    return *this;
  }
  ~Payload() {
    if (block_ != 0) free_block();
  }

  std::span<std::byte const> bytes() const { return block_ != 0 ? block_bytes() : std::span(small_); }
  std::size_t size() const { return size_; }
  /// The offset of its block in the arena; 0 when it has none.
  std::uint64_t block() const { return block_; }
  /// Gives the block away.
  std::uint64_t release_block() { return std::exchange(block_, 0); }

 private:
  void swap(Payload& other) noexcept {
    small_.swap(other.small_);
    std::swap(block_, other.block_);
    std::swap(size_, other.size_);
    std::swap(process_, other.process_);
  }
  std::span<std::byte const> block_bytes() const;
  void free_block() noexcept;

  std::vector<std::byte> small_;
  std::uint64_t block_ = 0;
  std::size_t size_ = 0;
  int process_ = 0;  ///< whose the block is: a copy of this object in a forked child does not free it
};

/// Writes a payload. A large value goes straight into the block where it stays.
class PayloadWriter final : public Writer {
 public:
  PayloadWriter() { restart(); }
  ~PayloadWriter();

  /// Forgets what was written.
  void restart();
  /// The payload; the writer is empty afterwards.
  Payload finish();

 private:
  void overflow(void const* source, std::size_t count) override;

  std::array<std::byte, Payload::small_limit> small_;
  std::uint64_t block_ = 0;
};

}  // namespace cohort::detail
