#pragma once
#include <cohort/detail/codec_classes.hpp>
#include <cohort/pickle.hpp>

#include <cereal/cereal.hpp>
#include <cereal/types/base_class.hpp>
#include <cereal/types/common.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

/// Makes picklable what cereal can serialise: classes with `save` and `load` functions or `save_minimal` and
/// `load_minimal`, with versions, with private members for `cereal::access`, with functions in namespace
/// cereal. Link `cohort::cereal`.
///
/// A `serialize` member or function needs this header only if it uses cereal's wrappers (`CEREAL_NVP`,
/// `cereal::base_class`). Include it wherever such a class is defined, so that all parts of the program treat
/// the class alike; and include cereal's headers for the standard types inside it, as with any archive of
/// cereal.
/// Archives that ask what cereal knows by itself: argument-dependent look-up does not find the adapter's
/// functions.
namespace cohort::detail::probe {
struct OutputArchive : cereal::OutputArchive<OutputArchive> {};
struct InputArchive : cereal::InputArchive<InputArchive> {};
}  // namespace cohort::detail::probe
CEREAL_SETUP_ARCHIVE_TRAITS(cohort::detail::probe::InputArchive, cohort::detail::probe::OutputArchive)

namespace cohort::detail::adapter {

/// cereal's binary archive, over a Writer.
class OutputArchive : public cereal::OutputArchive<OutputArchive, cereal::AllowEmptyClassElision> {
 public:
  explicit OutputArchive(Writer& target)
      : cereal::OutputArchive<OutputArchive, cereal::AllowEmptyClassElision>(this), writer(target) {}
  Writer& writer;
};
class InputArchive : public cereal::InputArchive<InputArchive, cereal::AllowEmptyClassElision> {
 public:
  explicit InputArchive(Reader& source)
      : cereal::InputArchive<InputArchive, cereal::AllowEmptyClassElision>(this), reader(source) {}
  Reader& reader;
};

template <class T>
concept KnownToCereal = std::is_class_v<T> && std::is_default_constructible_v<T> &&
    cereal::traits::is_output_serializable<T, probe::OutputArchive>::value &&
    cereal::traits::is_input_serializable<T, probe::InputArchive>::value;

/// What cohort pickles and cereal does not know.
template <class T>
concept KnownToCohort = std::is_arithmetic_v<T> || kind_of<T>()
== Kind::handle || kind_of<T>() == Kind::record;

template <KnownToCohort T> void save(OutputArchive& archive, T const& value) {
  detail::save(archive.writer, value);
}
template <KnownToCohort T> void load(InputArchive& archive, T& value) {
  value = detail::load<T>(archive.reader);
}

template <class T> void serialize(OutputArchive& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}
template <class T> void serialize(InputArchive& archive, cereal::NameValuePair<T>& pair) {
  archive(pair.value);
}

/// cereal makes a container of that size before it reads an element, so the size is checked against the
/// bytes.
template <class T> void serialize(OutputArchive& archive, cereal::SizeTag<T>& tag) {
  archive.writer.scalar(static_cast<std::uint64_t>(tag.size));
}
template <class T> void serialize(InputArchive& archive, cereal::SizeTag<T>& tag) {
  tag.size = static_cast<std::remove_reference_t<T>>(archive.reader.length());
}

template <class T> void save(OutputArchive& archive, cereal::BinaryData<T> const& data) {
  archive.writer.bytes(data.data, static_cast<std::size_t>(data.size));
}
template <class T> void load(InputArchive& archive, cereal::BinaryData<T>& data) {
  archive.reader.bytes(data.data, static_cast<std::size_t>(data.size));
}

}  // namespace cohort::detail::adapter

CEREAL_REGISTER_ARCHIVE(cohort::detail::adapter::OutputArchive)
CEREAL_REGISTER_ARCHIVE(cohort::detail::adapter::InputArchive)
CEREAL_SETUP_ARCHIVE_TRAITS(cohort::detail::adapter::InputArchive, cohort::detail::adapter::OutputArchive)

namespace cohort::detail {

template <adapter::KnownToCereal T> struct Adapted<T> {
  using Parts = Types<>;
  static void save(Writer& writer, T const& value) {
    Nested const level(writer);
    adapter::OutputArchive archive(writer);
    archive(value);
  }
  static T load(Reader& reader) {
    Nested const level(reader);
    adapter::InputArchive archive(reader);
    T value{};
    archive(value);
    return value;
  }
};

/// cereal's wrappers in a `serialize` that is called with cohort's own archives.
template <class T> struct ArchiveItem<cereal::NameValuePair<T>> {
  using Value = std::remove_cv_t<std::remove_reference_t<T>>;
  static void save(Writer& writer, cereal::NameValuePair<T> const& pair) {
    ArchiveItem<Value>::save(writer, pair.value);
  }
  static void load(Reader& reader, cereal::NameValuePair<T>& pair) {
    ArchiveItem<Value>::load(reader, pair.value);
  }
};

template <class Base> struct BaseItem {
  template <class Wrapper> static void save(Writer& writer, Wrapper const& wrapper) {
    detail::save<Base>(writer, *wrapper.base_ptr);
  }
  template <class Wrapper> static void load(Reader& reader, Wrapper& wrapper) {
    if constexpr (kind_of<Base>() == Kind::serializable)
      Codec<Base>::fill(reader, *wrapper.base_ptr);
    else
      *wrapper.base_ptr = detail::load<Base>(reader);
  }
};
template <class Base> struct ArchiveItem<cereal::base_class<Base>> : BaseItem<Base> {};
template <class Base> struct ArchiveItem<cereal::virtual_base_class<Base>> : BaseItem<Base> {};

}  // namespace cohort::detail
