#pragma once
#include <cohort/errors.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

/// Where pickled bytes go to and come from. The codecs know only these two classes, so the same code writes
/// into a vector, a socket's buffer or shared memory.
namespace cohort::detail {

/// A growing run of bytes. What backs it is the business of the derived class, which is asked for room only
/// when the present run is full: a large value is written once, where it will stay.
class Writer {
 public:
  Writer(Writer const&) = delete;
  Writer& operator=(Writer const&) = delete;

  void bytes(void const* source, std::size_t count) {
    if (count == 0) return;
    if (static_cast<std::size_t>(end_ - at_) < count) grow(count);
    std::memcpy(at_, source, count);
    at_ += count;
  }
  template <class T>
  requires std::is_trivially_copyable_v<T>
  void scalar(T value) { bytes(&value, sizeof value); }
  /// Zero bytes up to a multiple of `alignment` from the start.
  void align(std::size_t alignment) {
    static constexpr std::byte zeros[64]{};
    bytes(zeros, (alignment - size() % alignment) % alignment);
  }
  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }

  /// Sends a duplicate of a descriptor along with the bytes and returns its number among them. It must stay
  /// open until the bytes are sent. Throws `PicklingError` where bytes travel without descriptors.
  virtual std::size_t attach(int descriptor);

  /// Levels of nesting below the value being written; the codecs keep it within `max_depth`.
  int depth = 0;
  static constexpr int max_depth = 1000;

 protected:
  Writer() = default;
  ~Writer() = default;
  /// Makes room for `count` more bytes, keeping those written: sets begin_, at_ and end_.
  virtual void grow(std::size_t count) = 0;

  std::byte* begin_ = nullptr;
  std::byte* at_ = nullptr;
  std::byte* end_ = nullptr;
};

/// Descriptors that came with a message. Those nobody takes are closed with it.
class Descriptors {
 public:
  Descriptors() = default;
  explicit Descriptors(std::vector<int> open) : open_(std::move(open)) {}
  Descriptors(Descriptors&& other) noexcept : open_(std::exchange(other.open_, {})) {}
  Descriptors& operator=(Descriptors&& other) noexcept {
    std::swap(open_, other.open_);
    return *this;
  }
  ~Descriptors();

  /// Owns these too, numbered after those it has.
  void add(std::span<int const> open) { open_.insert(open_.end(), open.begin(), open.end()); }
  /// Hands descriptor `index` over to the caller; `UnpicklingError` if there is none or it was taken before.
  int take(std::size_t index);

 private:
  std::vector<int> open_;
};

/// Reads what a `Writer` wrote. Every read is bounds-checked: bytes from outside can only lead to
/// `UnpicklingError`.
class Reader {
 public:
  explicit Reader(std::span<std::byte const> source, Descriptors* descriptors = nullptr)
      : begin_(source.data()),
        at_(source.data()),
        end_(source.data() + source.size()),
        descriptors_(descriptors) {}
  Reader(Reader const&) = delete;
  Reader& operator=(Reader const&) = delete;

  /// The next `count` bytes, in place.
  std::byte const* skip(std::size_t count) {
    if (remaining() < count) fail_truncated(count);
    auto const* here = at_;
    at_ += count;
    return here;
  }
  void bytes(void* destination, std::size_t count) {
    if (count != 0) std::memcpy(destination, skip(count), count);
  }
  template <class T>
  requires std::is_trivially_copyable_v<T> T scalar() {
    T value;
    bytes(&value, sizeof value);
    return value;
  }
  void align(std::size_t alignment) { skip((alignment - position() % alignment) % alignment); }
  std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

  /// Takes over descriptor `index` of the message.
  int take(std::size_t index);

  int depth = 0;
  static constexpr int max_depth = Writer::max_depth;

 private:
  [[noreturn]] void fail_truncated(std::size_t wanted) const;

  std::byte const* begin_;
  std::byte const* at_;
  std::byte const* end_;
  Descriptors* descriptors_;
};

/// A `Writer` into a vector that the caller keeps, whose capacity is used again.
class VectorWriter final : public Writer {
 public:
  explicit VectorWriter(std::vector<std::byte>& target);
  /// Cuts the vector to what was written; to be called once, at the end.
  void finish();

 private:
  void grow(std::size_t count) override;
  std::vector<std::byte>& target_;
};

}  // namespace cohort::detail
