#pragma once
#include <cohort/errors.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

/// Where pickled bytes go to and come from. The codecs know only these two classes, so the same code writes
/// into a vector, a socket's buffer or shared memory.
namespace cohort::detail {

/// A growing run of bytes. Small writes go straight into the present run, inline; a derived class says what
/// backs it and is asked only for what does not fit. It implements `overflow`, perhaps `attach`, and nothing
/// else.
class Writer {
 public:
  Writer(Writer const&) = delete;
  Writer& operator=(Writer const&) = delete;

  void bytes(void const* source, std::size_t count) {
    if (static_cast<std::size_t>(end_ - at_) < count) return overflow(source, count);
    if (count == 0) return;
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
  /// The number of bytes written so far.
  std::size_t size() const { return before_ + static_cast<std::size_t>(at_ - begin_); }

  /// Sends a duplicate of a descriptor along with the bytes and returns its number among them. It must stay
  /// open until the bytes are sent. Throws `PicklingError` where bytes travel without descriptors.
  virtual std::size_t attach(int descriptor);

  /// Levels of nesting around the value being written; `Nested` keeps it within `max_depth`.
  int depth = 0;
  static constexpr int max_depth = 1000;
  /// The objects that a `shared_ptr` of this message has brought: a Writer serves one message.
  std::shared_ptr<void> shared;

 protected:
  Writer() = default;
  ~Writer() = default;
  /// Appends `count` bytes, more than [at_, end_) holds; at least one. Afterwards at_ is behind them, and
  /// [at_, end_) may hold room for the next small writes: a large value is copied once, to where it will
  /// stay. May begin a new run, adding the length of the old one to before_. What it throws leaves dumps().
  virtual void overflow(void const* source, std::size_t count) = 0;

  std::size_t before_ = 0;      ///< bytes in runs before this one
  std::byte* begin_ = nullptr;  ///< the present run
  std::byte* at_ = nullptr;     ///< where the next byte goes
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
  /// The number of things that follow and take at least `size` bytes each: never more than the bytes present
  /// can hold, so a hostile length asks for no memory.
  std::size_t length(std::size_t size = 1) {
    auto const count = scalar<std::uint64_t>();
    if (count > remaining() / size) fail_length(count);
    return static_cast<std::size_t>(count);
  }
  void align(std::size_t alignment) { skip((alignment - position() % alignment) % alignment); }
  std::size_t position() const { return static_cast<std::size_t>(at_ - begin_); }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

  /// Takes over descriptor `index` of the message.
  int take(std::size_t index);

  int depth = 0;
  static constexpr int max_depth = Writer::max_depth;
  /// The objects that this message's `shared_ptr`s have brought so far: a Reader serves one message.
  std::shared_ptr<void> shared;

  /// Refuses bytes that nobody read: `UnpicklingError`.
  void expect_end() const {
    if (remaining() != 0) fail_trailing();
  }

 private:
  [[noreturn]] void fail_truncated(std::size_t wanted) const;
  [[noreturn]] void fail_length(std::uint64_t count) const;
  [[noreturn]] void fail_trailing() const;

  std::byte const* begin_;
  std::byte const* at_;
  std::byte const* end_;
  Descriptors* descriptors_;
};

/// One level of nesting while it lives: values that may contain their own kind cannot use up the stack.
class Nested {
 public:
  explicit Nested(Writer& writer) : depth_(writer.depth) {
    if (depth_ >= Writer::max_depth) fail_saving();
    ++depth_;
  }
  explicit Nested(Reader& reader) : depth_(reader.depth) {
    if (depth_ >= Reader::max_depth) fail_loading();
    ++depth_;
  }
  Nested(Nested const&) = delete;
  Nested& operator=(Nested const&) = delete;
  ~Nested() { --depth_; }

 private:
  [[noreturn]] static void fail_saving();
  [[noreturn]] static void fail_loading();
  int& depth_;
};

/// A `Writer` into a vector that the caller keeps and whose contents it replaces. Neither the bytes the
/// vector holds already nor large values are filled with zeros first.
class VectorWriter final : public Writer {
 public:
  explicit VectorWriter(std::vector<std::byte>& target) : target_(target) {
    begin_ = at_ = target.data();
    end_ = begin_ + target.size();
  }
  /// Cuts the vector to what was written; to be called once, at the end.
  void finish() { target_.resize(size()); }

 private:
  void overflow(void const* source, std::size_t count) override;
  std::vector<std::byte>& target_;
};

}  // namespace cohort::detail
