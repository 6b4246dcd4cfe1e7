#pragma once
#include <cohort/detail/aggregate.hpp>
#include <cohort/detail/archive.hpp>
#include <cohort/detail/handle.hpp>
#include <cohort/detail/type_name.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

/// What can travel, and the two functions by which it does. There is one rule: a type is picklable if it has
/// a Codec and so has every type it is made of, however deep; types that contain themselves are no exception.
namespace cohort::detail {

/// How a class that no specialisation of Codec names becomes bytes; see codec_classes.hpp.
template <class T> struct ClassCodec;

/// How values of T become bytes. A Codec has
///     using Parts = Types<...>;              // the types it saves and loads: they must be picklable too
///     static void save(Writer&, T const&);
///     static T load(Reader&);                // by value: T may be constant inside and need not be movable
/// and one that has no Parts says that T is not picklable.
template <class T> struct Codec : ClassCodec<T> {};

template <class T>
concept HasCodec = requires {
  typename Codec<T>::Parts;
};

template <class T, class List> inline constexpr bool contains = false;
template <class T, class... U> inline constexpr bool contains<T, Types<U...>> = (std::is_same_v<T, U> || ...);

/// The first type without a Codec among Pending and all that they are made of; void if there is none. What
/// was Seen is not looked at again, which makes an end with types that contain themselves.
template <class Seen, class Pending> struct FirstRefused { using type = void; };
template <class Seen, class Parts, class Rest> struct NextRefused;
template <class... Seen, class... Parts, class... Rest>
struct NextRefused<Types<Seen...>, Types<Parts...>, Types<Rest...>>
    : FirstRefused<Types<Seen...>, Types<Rest..., std::remove_cv_t<Parts>...>> {};

template <class... Seen, class T, class... Rest> struct FirstRefused<Types<Seen...>, Types<T, Rest...>> {
  using type = T;
};
template <class... Seen, class T, class... Rest>
requires contains<T, Types<Seen...>>
struct FirstRefused<Types<Seen...>, Types<T, Rest...>> : FirstRefused<Types<Seen...>, Types<Rest...>> {
};
template <class... Seen, class T, class... Rest>
requires(!contains<T, Types<Seen...>> && HasCodec<T>) struct FirstRefused<Types<Seen...>, Types<T, Rest...>>
    : NextRefused<Types<Seen..., T>, typename Codec<T>::Parts, Types<Rest...>> {
};

/// What keeps T from being picklable: T itself or the first such type inside it; void if nothing does.
template <class T> using refused_part_t = typename FirstRefused<Types<>, Types<std::remove_cv_t<T>>>::type;

template <class T> inline constexpr bool pickles_v = std::is_void_v<refused_part_t<T>> && !std::is_void_v<T>;

/// Stops the compilation; see refuse.hpp.
template <class T, class Part = refused_part_t<T>> constexpr void refuse();

/// Writes a value, without its type.
template <class T> void save(Writer& writer, T const& value) {
  if constexpr (HasCodec<T>)
    Codec<T>::save(writer, value);
  else
    refuse<T>();
}
/// Reads what `save<T>` wrote; `UnpicklingError` if the bytes are no T.
template <class T> T load(Reader& reader) {
  if constexpr (HasCodec<std::remove_cv_t<T>>)
    return Codec<std::remove_cv_t<T>>::load(reader);
  else
    refuse<T>();
}

[[noreturn]] void fail_type(std::string const& wanted, std::uint64_t came);

/// Writes a value after the hash of its type.
template <class T> void save_typed(Writer& writer, T const& value) {
  writer.scalar(type_hash<T>());
  detail::save(writer, value);
}
/// Reads what `save_typed<T>` wrote; anything else is an `UnpicklingError` that names the two types.
template <class T> T load_typed(Reader& reader) {
  if (auto const came = reader.scalar<std::uint64_t>(); came != type_hash<T>())
    fail_type(type_name<T>(), came);
  return detail::load<T>(reader);
}

/// A value within a sequence. It takes at least one byte, so that no length can announce more elements than
/// there are bytes.
template <class T> void save_element(Writer& writer, T const& value) {
  auto const start = writer.size();
  detail::save(writer, value);
  if (std::is_class_v<T> && writer.size() == start) writer.scalar(std::byte{});
}
/// Gives the value to `keep`; by reference to a temporary, so that T need only be movable.
template <class T, class Keep> void load_element(Reader& reader, Keep&& keep) {
  auto const start = reader.position();
  keep(detail::load<T>(reader));
  if (std::is_class_v<T> && reader.position() == start) reader.skip(1);
}

/// Whether a T is read and written as the bytes it is made of: only where every pattern of bits is a value
/// and none is padding, so no bool, enumeration or pointer. The Codecs specialise it.
template <class T> inline constexpr bool bulk = false;

template <class T>
requires bulk<T> T load_bulk(Reader& reader) {
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), reader.skip(sizeof(T)), sizeof(T));
  return std::bit_cast<T>(bytes);
}

}  // namespace cohort::detail

namespace cohort {
/// A type whose values can be sent to another process: Python's "picklable", decided when compiling.
///
/// Arithmetic types, enumerations, strings, paths, std::chrono durations and times; the standard containers,
/// tuples, optionals, variants and owning smart pointers of picklable types; aggregates of them, without a
/// macro; classes with a `serialize` member or function (`ar(a, b)`) or with `save` and `load` members; every
/// handle of cohort.
template <class T>
concept Picklable = detail::pickles_v<T>;
}  // namespace cohort
