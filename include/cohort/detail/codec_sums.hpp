#pragma once
#include <cohort/detail/codec_scalars.hpp>
#include <cohort/detail/picklable.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <utility>
#include <variant>

/// Products and sums of other types: pair, tuple, array, optional, variant.
namespace cohort::detail {

[[noreturn]] void fail_valueless();
[[noreturn]] void fail_alternative(std::size_t index, std::size_t count);

template <class A, class B> struct Codec<std::pair<A, B>> {
  using Parts = Types<A, B>;
  static void save(Writer& writer, std::pair<A, B> const& value) {
    detail::save(writer, value.first);
    detail::save(writer, value.second);
  }
  static std::pair<A, B> load(Reader& reader) {
    return std::pair<A, B>{detail::load<A>(reader), detail::load<B>(reader)};
  }
};

template <class... T> struct Codec<std::tuple<T...>> {
  using Parts = Types<T...>;
  static void save(Writer& writer, std::tuple<T...> const& value) {
    std::apply([&](T const&... part) { (detail::save(writer, part), ...); }, value);
  }
  static std::tuple<T...> load([[maybe_unused]] Reader& reader) {
    return std::tuple<T...>{detail::load<T>(reader)...};
  }
};

template <class T, std::size_t N> inline constexpr bool bulk<std::array<T, N>> = bulk<T>&& N != 0;
template <class T, std::size_t N> struct Codec<std::array<T, N>> {
  using Parts = Types<T>;
  static void save(Writer& writer, std::array<T, N> const& value) {
    if constexpr (bulk<std::array<T, N>>)
      writer.bytes(value.data(), sizeof value);
    else
      for (T const& element : value) detail::save(writer, element);
  }
  static std::array<T, N> load([[maybe_unused]] Reader& reader) {
    if constexpr (bulk<std::array<T, N>>) {
      return load_bulk<std::array<T, N>>(reader);
    } else if constexpr (std::is_default_constructible_v<T> && std::is_move_assignable_v<T>) {
      std::array<T, N> result{};
      for (T& element : result) element = detail::load<T>(reader);
      return result;
    } else {
      return [&]<std::size_t... I>(std::index_sequence<I...>) {
        return std::array<T, N>{((void)I, detail::load<T>(reader))...};
      }
      (std::make_index_sequence<N>());
    }
  }
};

template <class T> struct Codec<std::optional<T>> {
  using Parts = Types<T>;
  static void save(Writer& writer, std::optional<T> const& value) {
    detail::save(writer, value.has_value());
    if (value) detail::save(writer, *value);
  }
  static std::optional<T> load(Reader& reader) {
    if (!load_bool(reader)) return std::nullopt;
    return std::optional<T>(std::in_place, detail::load<T>(reader));
  }
};

template <class... T> struct Codec<std::variant<T...>> {
  using Parts = Types<T...>;
  using Variant = std::variant<T...>;

  static void save(Writer& writer, Variant const& value) {
    if (value.valueless_by_exception()) fail_valueless();
    writer.scalar(static_cast<std::uint32_t>(value.index()));
    std::visit([&](auto const& alternative) { detail::save(writer, alternative); }, value);
  }
  static Variant load(Reader& reader) { return load_alternative<0>(reader, reader.scalar<std::uint32_t>()); }

 private:
  template <std::size_t I> static Variant load_alternative(Reader& reader, std::uint32_t index) {
    if constexpr (I == sizeof...(T)) {
      fail_alternative(index, sizeof...(T));
    } else {
      if (index != I) return load_alternative<I + 1>(reader, index);
      return Variant(std::in_place_index<I>, detail::load<std::variant_alternative_t<I, Variant>>(reader));
    }
  }
};

}  // namespace cohort::detail
