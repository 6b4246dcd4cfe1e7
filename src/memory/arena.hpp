#pragma once
#include "os/descriptor.hpp"

#include <boost/interprocess/mapped_region.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

namespace cohort::memory {

/// Where something is in the arena: bytes from its beginning, the same in every process. 0 is nothing.
using Offset = std::uint64_t;

/// The arena cannot give the memory asked for.
class OutOfMemory : public std::bad_alloc {
 public:
  OutOfMemory(std::size_t asked, std::size_t used, std::size_t budget);
  char const* what() const noexcept override { return message_; }

 private:
  char message_[256];  // not a std::string: copying an exception must not allocate, here least of all
};

/// The memory that all processes of a tree share: one sparse anonymous file, whose size never changes, mapped
/// whole by each of them. Pages cost memory from when they are first written.
///
/// The layout is fixed, and all zeros is the initial state of every part:
///
///     0        header, process slots, extent table            1 MiB
///     1 MiB    a word of state for each block                  size / 8, sparse
///     ...      the extents from which blocks are made          the rest
///
/// Threads: safe. Fork: a child has its parent's mapping. A process that was exec'd adopts the descriptor.
/// Stored references are always offsets: the address is the same in most processes, never in all.
class Arena {
 public:
  static constexpr std::size_t extent_size = 1 << 20;
  static constexpr std::size_t largest_size = std::size_t{64} << 30;
  static constexpr Offset heap_offset = 2048;
  static constexpr Offset slots_offset = 4096;
  static constexpr Offset extents_offset = 4096 + 4096 * 64;
  static constexpr Offset words_offset = extent_size;

  /// Makes this process use the arena behind `file`, which its parent sent, instead of making one. It is
  /// mapped and checked on first use, when `arena()` throws `RuntimeError` if it is not an arena of this
  /// version. Throws `RuntimeError` when this process has an arena already.
  static void adopt(os::Descriptor file);

  std::byte* base() const { return base_; }
  std::size_t size() const { return size_; }
  /// The file, to be sent to children that are exec'd. It stays open as long as the process.
  int descriptor() const { return file_.get(); }
  /// Whether this process, or the one it was forked from, made the arena.
  bool is_root() const { return is_root_; }

  /// How many bytes blocks may take in all, in whole extents. Any process may change it, for all.
  std::size_t budget() const { return header().budget.load(std::memory_order_relaxed); }
  void set_budget(std::size_t bytes) { header().budget.store(bytes, std::memory_order_relaxed); }

  bool contains(void const* pointer) const {
    auto const* const byte = static_cast<std::byte const*>(pointer);
    return base_ <= byte && byte < base_ + size_;
  }
  Offset offset_of(void const* pointer) const {
    return static_cast<Offset>(static_cast<std::byte const*>(pointer) - base_);
  }
  /// The object at an offset. Throws `RuntimeError` when it would not lie in the arena, aligned: an offset
  /// that came from another process is an error then, not a wild access.
  template <class T> T& at(Offset offset) const {
    if (offset > size_ - sizeof(T) || offset % alignof(T) != 0) refuse(offset);
    return *reinterpret_cast<T*>(base_ + offset);
  }

 private:
  struct Header {
    std::uint64_t magic;
    std::uint64_t version;
    std::uint64_t size;
    std::atomic<std::uint64_t> budget;
  };
  static_assert(sizeof(Header) <= heap_offset);

  friend Arena& arena();
  /// Makes a new arena, or maps an adopted one.
  Arena();
  explicit Arena(int file);
  Header& header() const { return *reinterpret_cast<Header*>(base_); }
  bool map(int file, std::size_t size);
  [[noreturn]] static void refuse(Offset offset);

  os::Descriptor file_;
  boost::interprocess::mapped_region region_;
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  bool is_root_ = false;
};

/// The arena of this process tree: made on first use in the root, inherited or adopted everywhere else. A
/// process that will have children must use it before the first is started. Throws `std::system_error` when
/// there is no address space (RLIMIT_AS), descriptor or memory for it.
Arena& arena();

/// Whether this process has the arena of its tree already, mapped or adopted.
bool has_arena();

}  // namespace cohort::memory
