#pragma once
#include <cohort/detail/codec_scalars.hpp>
#include <cohort/detail/picklable.hpp>
#include <cohort/detail/refuse.hpp>

#include <cstddef>
#include <tuple>
#include <type_traits>

/// Classes of the program and of cohort: handles, classes that say themselves how they travel, and
/// aggregates.
namespace cohort::detail {

/// How something that is given to an archive is treated. The optional adapter adds cereal's wrappers.
template <class T> struct ArchiveItem {
  static void save(Writer& writer, T const& item) {
    if constexpr (std::is_array_v<T>) {
      for (auto const& element : item) ArchiveItem<std::remove_extent_t<T>>::save(writer, element);
    } else if constexpr (pickles_v<T>) {
      detail::save(writer, item);
    } else {
      refuse<T>();
    }
  }
  static void load(Reader& reader, T& item) {
    if constexpr (std::is_array_v<T>) {
      for (auto& element : item) ArchiveItem<std::remove_extent_t<T>>::load(reader, element);
    } else if constexpr (pickles_v<T>) {
      item = detail::load<T>(reader);
    } else {
      refuse<T>();
    }
  }
};

/// What a `serialize`, `save` or `load` member gets: cereal's form, without cereal.
///
///     template <class Archive> void serialize(Archive& ar) { ar(name, values); }
class OutputArchive {
 public:
  using is_saving = std::true_type;
  using is_loading = std::false_type;
  explicit OutputArchive(Writer& writer) : writer_(writer) {}

  template <class... T> OutputArchive& operator()(T const&... item) {
    (ArchiveItem<T>::save(writer_, item), ...);
    return *this;
  }
  template <class T> OutputArchive& operator&(T const& item) { return (*this)(item); }

 private:
  Writer& writer_;
};

class InputArchive {
 public:
  using is_saving = std::false_type;
  using is_loading = std::true_type;
  explicit InputArchive(Reader& reader) : reader_(reader) {}

  template <class... T> InputArchive& operator()(T&&... item) {
    (ArchiveItem<std::remove_reference_t<T>>::load(reader_, item), ...);
    return *this;
  }
  template <class T> InputArchive& operator&(T&& item) { return (*this)(item); }

 private:
  Reader& reader_;
};

template <class T>
concept Handle = std::is_base_of_v<HandleBase, T> ||
    requires(T const& value, Writer& writer, Reader& reader) {
  value.save(writer);
  { T::load(reader) } -> std::same_as<T>;
};
template <class T>
concept MemberSerialize = requires(T& value, OutputArchive& out, InputArchive& in) {
  value.serialize(out);
  value.serialize(in);
};
/// A `serialize` that T has from a base class knows nothing of what T adds.
template <class Member> struct ClassOf;
template <class C, class Function> struct ClassOf<Function C::*> { using type = C; };
template <class T> constexpr bool inherits_serialize() {
  if constexpr (requires { &T::template serialize<OutputArchive>; }) {
    using Owner = typename ClassOf<decltype(&T::template serialize<OutputArchive>)>::type;
    return sizeof(Owner) != sizeof(T);
  } else {
    return false;
  }
}
template <class T>
requires(std::is_class_v<T>&& inherits_serialize<T>()) inline constexpr bool has_inherited_serialize<T> =
    true;
template <class T>
concept FreeSerialize = requires(T& value, OutputArchive& out, InputArchive& in) {
  serialize(out, value);
  serialize(in, value);
};
template <class T>
concept MemberSaveLoad = requires(T& value, T const& constant, OutputArchive& out, InputArchive& in) {
  constant.save(out);
  value.load(in);
};
/// A class that says itself how it travels; it is made by its default constructor and then filled.
template <class T>
concept Serializable = std::is_default_constructible_v<T> &&
    ((MemberSerialize<T> && !inherits_serialize<T>()) || MemberSaveLoad<T> || FreeSerialize<T>);

/// How a class travels that another library knows how to serialise: the optional adapter specialises it, with
/// the members of a Codec.
template <class T> struct Adapted;
template <class T>
concept HasAdapted = requires {
  typename Adapted<T>::Parts;
};

/// An aggregate whose fields can be listed, and filled again: by its braces, or one by one if C arrays are
/// among them.
template <class T, class Fields> inline constexpr bool refillable = true;
template <class T, class... Field>
requires(std::is_array_v<Field> || ...) inline constexpr bool refillable<T, Types<Field...>> =
    std::is_default_constructible_v<T> &&
    (std::is_move_assignable_v<std::remove_all_extents_t<Field>> && ...);

template <class T> constexpr bool is_record() {
  if constexpr (std::is_class_v<T> && std::is_aggregate_v<T> && !requires { std::tuple_size<T>::value; }) {
    if constexpr (count_fields<T>().has_value())
      return refillable<T, FieldTypes<T>>;
    else
      return false;
  } else {
    return false;
  }
}

enum class Kind { none, handle, serializable, adapted, record };
template <class T> constexpr Kind kind_of() {
  if constexpr (!std::is_class_v<T>)
    return Kind::none;
  else if constexpr (Handle<T>)
    return Kind::handle;
  else if constexpr (Serializable<T>)
    return Kind::serializable;
  else if constexpr (HasAdapted<T>)
    return Kind::adapted;
  else if constexpr (is_record<T>())
    return Kind::record;
  else
    return Kind::none;
}
template <class T, Kind> struct KindCodec {};
template <class T> struct ClassCodec : KindCodec<T, kind_of<T>()> {};

template <class T> struct KindCodec<T, Kind::handle> {
  using Parts = Types<>;
  static void save(Writer& writer, T const& value) { value.save(writer); }
  static T load(Reader& reader) { return T::load(reader); }
};

template <class T> struct KindCodec<T, Kind::serializable> {
  using Parts = Types<>;
  static void save(Writer& writer, T const& value) {
    Nested const level(writer);
    OutputArchive archive(writer);
    // serialize() serves both directions and so cannot be const; when it saves, it changes nothing.
    if constexpr (MemberSerialize<T>)
      const_cast<T&>(value).serialize(archive);
    else if constexpr (MemberSaveLoad<T>)
      value.save(archive);
    else
      serialize(archive, const_cast<T&>(value));
  }
  static T load(Reader& reader) {
    T value{};
    fill(reader, value);
    return value;
  }
  static void fill(Reader& reader, T& value) {
    Nested const level(reader);
    InputArchive archive(reader);
    if constexpr (MemberSerialize<T>)
      value.serialize(archive);
    else if constexpr (MemberSaveLoad<T>)
      value.load(archive);
    else
      serialize(archive, value);
  }
};

template <class T> struct KindCodec<T, Kind::adapted> : Adapted<T> {};

template <class T, class Fields> inline constexpr bool bulk_fields = false;
template <class T, class First, class... Field>
inline constexpr bool bulk_fields<T, Types<First, Field...>> =
    (bulk<std::remove_all_extents_t<First>> && ... &&
     bulk<std::remove_all_extents_t<Field>>)&&(sizeof(First) + ... + sizeof(Field)) == sizeof(T);
template <class T>
requires(std::is_class_v<T>&& std::is_trivially_copyable_v<T>&& kind_of<T>() ==
         Kind::record) inline constexpr bool bulk<T> = bulk_fields<T, FieldTypes<T>>;

template <class T, class Fields> struct RecordCodec;
template <class T, class... Field> struct RecordCodec<T, Types<Field...>> {
  using Parts = Types<std::remove_cv_t<std::remove_all_extents_t<Field>>...>;

  static void save(Writer& writer, T const& value) {
    if constexpr (bulk<T>)
      writer.bytes(&value, sizeof value);
    else
      visit_fields(value, [&](auto const&... field) { (save_field<Field>(writer, field), ...); });
  }
  static T load([[maybe_unused]] Reader& reader) {
    if constexpr (bulk<T>) {
      return load_bulk<T>(reader);
    } else if constexpr ((std::is_array_v<Field> || ...)) {
      T value{};
      visit_fields(value, [&](auto&... field) { (load_field(reader, field), ...); });
      return value;
    } else {
      return T{detail::load<Field>(reader)...};
    }
  }

 private:
  template <class F> static void save_field(Writer& writer, F const& field) {
    ArchiveItem<std::remove_cv_t<F>>::save(writer, field);
  }
  template <class F> static void load_field(Reader& reader, F& field) { ArchiveItem<F>::load(reader, field); }
};
template <class T> struct KindCodec<T, Kind::record> : RecordCodec<T, FieldTypes<T>> {};

}  // namespace cohort::detail
