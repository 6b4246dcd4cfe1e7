#pragma once
#include <cohort/detail/codec_classes.hpp>
#include <cohort/detail/picklable.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <filesystem>
#include <forward_list>
#include <list>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

/// The standard containers. Allocators, comparators and hashers do not travel, so they must have no state.
namespace cohort::detail {

/// A length and then the elements as they lie in memory, at a position of their alignment: the reader makes
/// its container straight from them.
template <class T> void save_run(Writer& writer, T const* data, std::size_t count) {
  writer.scalar<std::uint64_t>(count);
  writer.align(alignof(T));
  writer.bytes(data, count * sizeof(T));
}
template <class Container> Container load_run(Reader& reader) {
  using T = typename Container::value_type;
  auto const count = reader.length(sizeof(T));
  reader.align(alignof(T));
  auto const* const source = reader.skip(count * sizeof(T));
  if (reinterpret_cast<std::uintptr_t>(source) % alignof(T) == 0) {
    auto const* const first = reinterpret_cast<T const*>(source);
    return Container(first, first + count);
  }
  Container result(count, T{});
  if (count != 0) std::memcpy(result.data(), source, count * sizeof(T));
  return result;
}

template <class C, class Traits, class A>
requires(bulk<C>&& std::is_empty_v<A>) struct Codec<std::basic_string<C, Traits, A>> {
  using String = std::basic_string<C, Traits, A>;
  using Parts = Types<>;
  static void save(Writer& writer, String const& value) { save_run(writer, value.data(), value.size()); }
  static String load(Reader& reader) { return load_run<String>(reader); }
};

template <> struct Codec<std::filesystem::path> {
  using Parts = Types<>;
  static void save(Writer& writer, std::filesystem::path const& value) {
    detail::save(writer, value.native());
  }
  static std::filesystem::path load(Reader& reader) {
    return detail::load<std::filesystem::path::string_type>(reader);
  }
};

/// What an element of a container is made from: in a map the key is not constant yet.
template <class T> struct Loaded { using type = T; };
template <class K, class V> struct Loaded<std::pair<K const, V>> { using type = std::pair<K, V>; };

/// A length and then the elements, one after the other. Memory is taken as they come, whatever the length
/// says.
template <class Container> struct SequenceCodec {
  using T = typename Loaded<typename Container::value_type>::type;
  using Parts = Types<T>;

  static void save(Writer& writer, Container const& value) {
    Nested const level(writer);
    writer.scalar(static_cast<std::uint64_t>(std::distance(value.begin(), value.end())));
    for (typename Container::value_type const& element : value) save_element(writer, element);
  }
  static Container load(Reader& reader) {
    Nested const level(reader);
    Container result;
    auto count = reader.length();
    if constexpr (requires { result.reserve(count); })
      result.reserve(std::min(count, first_room / sizeof(T) + 1));
    for (; count != 0; --count)
      load_element<T>(reader, [&](T&& element) { add(result, std::move(element)); });
    return result;
  }

 private:
  /// Bytes reserved on the word of the length alone.
  static constexpr std::size_t first_room = 4096;

  static void add(Container& result, T&& element) {
    if constexpr (requires { result.push_back(std::move(element)); })
      result.push_back(std::move(element));
    else
      result.insert(result.end(), std::move(element));
  }
};

template <class T, class A>
requires(std::is_empty_v<A> && !bulk<T>) struct Codec<std::vector<T, A>> : SequenceCodec<std::vector<T, A>> {
};
template <class T, class A>
requires(std::is_empty_v<A>&& bulk<T>) struct Codec<std::vector<T, A>> {
  using Parts = Types<>;
  static void save(Writer& writer, std::vector<T, A> const& value) {
    save_run(writer, value.data(), value.size());
  }
  static std::vector<T, A> load(Reader& reader) { return load_run<std::vector<T, A>>(reader); }
};

template <class T, class A>
requires std::is_empty_v<A>
struct Codec<std::deque<T, A>> : SequenceCodec<std::deque<T, A>> {
};
template <class T, class A>
requires std::is_empty_v<A>
struct Codec<std::list<T, A>> : SequenceCodec<std::list<T, A>> {
};

template <class T, class A>
requires std::is_empty_v<A>
struct Codec<std::forward_list<T, A>> : SequenceCodec<std::forward_list<T, A>> {
  static std::forward_list<T, A> load(Reader& reader) {
    Nested const level(reader);
    std::forward_list<T, A> result;
    auto last = result.before_begin();
    for (auto count = reader.length(); count != 0; --count)
      load_element<T>(reader, [&](T&& element) { last = result.insert_after(last, std::move(element)); });
    return result;
  }
};

template <class... Policy> inline constexpr bool stateless = (std::is_empty_v<Policy> && ...);
#define COHORT_SET_CODEC(name, ...)   \
  template <class T, class... Policy> \
  requires stateless<Policy...>       \
  struct Codec<name<T, Policy...>> : SequenceCodec<name<T, Policy...>> {};
#define COHORT_MAP_CODEC(name)                 \
  template <class K, class V, class... Policy> \
  requires stateless<Policy...>                \
  struct Codec<name<K, V, Policy...>> : SequenceCodec<name<K, V, Policy...>> {};
COHORT_SET_CODEC(std::set)
COHORT_SET_CODEC(std::multiset)
COHORT_SET_CODEC(std::unordered_set)
COHORT_SET_CODEC(std::unordered_multiset)
COHORT_MAP_CODEC(std::map)
COHORT_MAP_CODEC(std::multimap)
COHORT_MAP_CODEC(std::unordered_map)
COHORT_MAP_CODEC(std::unordered_multimap)
#undef COHORT_SET_CODEC
#undef COHORT_MAP_CODEC

}  // namespace cohort::detail
