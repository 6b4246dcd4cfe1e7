#pragma once
#include <cohort/detail/call.hpp>

#include <cstddef>
#include <iterator>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

namespace cohort::detail {

/// Python's: a quarter of each worker's share, rounded up; 0 for an empty input.
inline std::size_t default_chunksize(std::size_t total, unsigned workers) {
  std::size_t const parts = std::size_t{workers} * 4;
  return (total + parts - 1) / parts;
}

/// Cuts a range into tasks that call a function for each item. Keeps an rvalue range, refers to an lvalue.
template <class F, class Range> class ChunkSource {
  using Reference = std::ranges::range_reference_t<Range>;

 public:
  using Item = ship_t<Reference>;
  using Value = typename ChunkCall<F, Item>::Value;

  ChunkSource(F function, Range&& range)
      : function_(std::move(function)), range_(std::forward<Range>(range)), at_(std::ranges::begin(range_)) {}
  ChunkSource(ChunkSource const&) = delete;
  ChunkSource& operator=(ChunkSource const&) = delete;

  /// Writes the task for the next items, at most `size`; false, and nothing written, at the end.
  bool write(Writer& writer, std::size_t size) {
    if (at_ == std::ranges::end(range_)) return false;
    if constexpr (std::ranges::forward_range<Range>) {
      std::size_t count = 0;
      for (auto ahead = at_; count < size && ahead != std::ranges::end(range_); ++ahead) ++count;
      ChunkCall<F, Item>::begin(writer, function_, count);
      for (; count != 0; --count, ++at_) write_item(writer, *at_);
    } else {
      std::vector<Item> items;
      for (; items.size() < size && at_ != std::ranges::end(range_); ++at_) items.emplace_back(*at_);
      ChunkCall<F, Item>::begin(writer, function_, items.size());
      for (auto const& item : items) ChunkCall<F, Item>::item(writer, item);
    }
    return true;
  }

 private:
  static void write_item(Writer& writer, Reference item) {
    if constexpr (std::is_same_v<std::remove_cvref_t<Reference>, Item>)
      ChunkCall<F, Item>::item(writer, item);
    else
      ChunkCall<F, Item>::item(writer, Item(std::forward<Reference>(item)));
  }

  F function_;
  Range range_;
  std::ranges::iterator_t<Range> at_;
};

}  // namespace cohort::detail
