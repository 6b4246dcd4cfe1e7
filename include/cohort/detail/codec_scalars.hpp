#pragma once
#include <cohort/detail/picklable.hpp>
#include <cohort/errors.hpp>

#include <chrono>
#include <complex>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <variant>

/// Values that are made of nothing else.
namespace cohort::detail {

[[noreturn]] void fail_bool(unsigned value);

inline bool load_bool(Reader& reader) {
  auto const value = reader.scalar<unsigned char>();
  if (value > 1) fail_bool(value);
  return value != 0;
}

/// The bytes of a number that hold its value: all but the six of x87's long double that are padding.
template <class T>
inline constexpr std::size_t value_bytes = std::is_same_v<T, long double>&& std::numeric_limits<T>::digits ==
                                                   64
                                               ? 10
                                               : sizeof(T);

template <class T>
requires std::is_arithmetic_v<T>
inline constexpr bool bulk<T> = !std::is_same_v<T, bool> && value_bytes<T> == sizeof(T);
template <> inline constexpr bool bulk<std::byte> = true;

template <class T>
requires std::is_arithmetic_v<T>
struct Codec<T> {
  using Parts = Types<>;
  static void save(Writer& writer, T value) { writer.bytes(&value, value_bytes<T>); }
  static T load(Reader& reader) {
    if constexpr (std::is_same_v<T, bool>) {
      return load_bool(reader);
    } else {
      T value{};
      reader.bytes(&value, value_bytes<T>);
      return value;
    }
  }
};

/// Any number of the underlying type is taken: with a fixed one all are values, and without one the compilers
/// make nothing of it unless asked to (-fstrict-enums).
template <class T>
requires std::is_enum_v<T>
struct Codec<T> {
  using Parts = Types<>;
  using Number = std::underlying_type_t<T>;
  static void save(Writer& writer, T value) { detail::save(writer, static_cast<Number>(value)); }
  static T load(Reader& reader) { return static_cast<T>(detail::load<Number>(reader)); }
};

/// A type that has one value.
template <class T> struct UnitCodec {
  using Parts = Types<>;
  static void save(Writer&, T) {}
  static T load(Reader&) { return T{}; }
};
template <> struct Codec<NoneType> : UnitCodec<NoneType> {};
template <> struct Codec<std::monostate> : UnitCodec<std::monostate> {};

template <class T> inline constexpr bool bulk<std::complex<T>> = bulk<T>;
template <class T> struct Codec<std::complex<T>> {
  using Parts = Types<T>;
  static void save(Writer& writer, std::complex<T> const& value) {
    detail::save(writer, value.real());
    detail::save(writer, value.imag());
  }
  static std::complex<T> load(Reader& reader) { return {detail::load<T>(reader), detail::load<T>(reader)}; }
};

template <class Rep, class Period> inline constexpr bool bulk<std::chrono::duration<Rep, Period>> = bulk<Rep>;
template <class Rep, class Period> struct Codec<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  using Parts = Types<Rep>;
  static void save(Writer& writer, Duration const& value) { detail::save(writer, value.count()); }
  static Duration load(Reader& reader) { return Duration(detail::load<Rep>(reader)); }
};

template <class Clock, class Duration>
inline constexpr bool bulk<std::chrono::time_point<Clock, Duration>> = bulk<Duration>;
template <class Clock, class Duration> struct Codec<std::chrono::time_point<Clock, Duration>> {
  using Point = std::chrono::time_point<Clock, Duration>;
  using Parts = Types<Duration>;
  static void save(Writer& writer, Point const& value) { detail::save(writer, value.time_since_epoch()); }
  static Point load(Reader& reader) { return Point(detail::load<Duration>(reader)); }
};

/// The calendar's types that have no padding; a date that does not exist is a value of theirs too.
template <class T>
concept CalendarField = std::is_same_v<T, std::chrono::day> || std::is_same_v<T, std::chrono::month> ||
    std::is_same_v<T, std::chrono::year> || std::is_same_v<T, std::chrono::weekday> ||
    std::is_same_v<T, std::chrono::month_day> || std::is_same_v<T, std::chrono::year_month_day>;
template <CalendarField T> inline constexpr bool bulk<T> = true;
template <CalendarField T> struct Codec<T> {
  using Parts = Types<>;
  static void save(Writer& writer, T const& value) { writer.bytes(&value, sizeof value); }
  static T load(Reader& reader) { return load_bulk<T>(reader); }
};

}  // namespace cohort::detail
