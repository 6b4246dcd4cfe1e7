# The installed package, for find_package(cohort) and for pkg-config. It may be moved after installation.
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/cohort)
install(TARGETS cohort cohort_autoboot EXPORT cohort-targets FILE_SET HEADERS)
install(EXPORT cohort-targets NAMESPACE cohort:: DESTINATION ${package_dir})
install(FILES src/start/autoboot/wrap_main.cpp DESTINATION ${CMAKE_INSTALL_DATADIR}/cohort)
if(TARGET cohort_cereal)
  install(TARGETS cohort_cereal EXPORT cohort-cereal-targets FILE_SET HEADERS)
  install(EXPORT cohort-cereal-targets NAMESPACE cohort:: DESTINATION ${package_dir})
endif()

configure_package_config_file(cmake/cohort-config.cmake.in cohort-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(cohort-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/cohort-config.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/cohort-config-version.cmake DESTINATION ${package_dir})

# From the .pc file to the prefix; directories given as absolute paths stay as they are.
file(RELATIVE_PATH prefix_from_pc ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
foreach(dir IN ITEMS LIBDIR INCLUDEDIR)
  set(pc_${dir} ${CMAKE_INSTALL_${dir}})
  cmake_path(ABSOLUTE_PATH pc_${dir} BASE_DIRECTORY "\${prefix}")
endforeach()
configure_file(cmake/cohort.pc.in cohort.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/cohort.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
