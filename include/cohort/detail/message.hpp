#pragma once
#include <cohort/detail/archive.hpp>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

/// Pickled values on their way through a socket, and the descriptors that go with them.
namespace cohort::detail {

/// Bytes in memory that is not zeroed first and that goes from one message to the next, so that a large one
/// does not fault in fresh pages each time. Has the part of a vector's interface that receiving needs.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&&) = delete;
  ~Buffer();

  std::byte* data() { return data_; }
  std::byte const* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  void reserve(std::size_t capacity);
  void resize(std::size_t size) {
    if (size > capacity_) reserve(size);
    size_ = size;
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

/// Collects one message. Small ones need no memory but its own.
class OutgoingMessage final : public Writer {
 public:
  OutgoingMessage();

  /// Throws `PicklingError` beyond the 253 descriptors that the kernel lets travel together.
  std::size_t attach(int descriptor) override;

  std::span<std::byte const> bytes() const { return {begin_, size()}; }
  std::span<int const> descriptors() const { return descriptors_; }

 private:
  void overflow(void const* source, std::size_t count) override;

  alignas(std::max_align_t) std::byte small_[512];
  Buffer large_;
  std::vector<int> descriptors_;
};

struct IncomingMessage {
  Buffer bytes;
  Descriptors descriptors;
};

}  // namespace cohort::detail
