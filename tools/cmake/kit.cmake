# The libraries for payloads of one's own, as they are installed: static, with their headers below include/dboot, and
# found with find_package(dboot) or pkg-config. See dboot-payload(7).
include(CMakePackageConfigHelpers)
set(kit_dir ${CMAKE_INSTALL_LIBDIR}/cmake/dboot)

# dboot_kit_library(plan SOURCE…): libdboot-plan.a, as dboot::plan.
function(dboot_kit_library name)
  set(target dboot-${name})
  add_library(${target} STATIC ${ARGN})
  add_library(dboot::${name} ALIAS ${target})
  target_link_libraries(${target} PUBLIC $<BUILD_INTERFACE:dboot-options>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # As <dboot/shared/plan/plan.hpp>, and as they name one another.
  target_include_directories(
    ${target} INTERFACE $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
                        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/dboot>)
  # A payload is small, and nothing in here is hot.
  target_compile_options(${target} PRIVATE -Os -ffunction-sections -fdata-sections)
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  install(TARGETS ${target} EXPORT dboot ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT kit)
endfunction()

# dboot_install_headers(DIRECTORY…): those of this room.
function(dboot_install_headers)
  cmake_path(GET CMAKE_CURRENT_SOURCE_DIR FILENAME room)
  install(DIRECTORY ${ARGN} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/dboot/${room} COMPONENT kit
          FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
endfunction()

# What finds them, once all of them are there.
function(dboot_install_kit)
  install(EXPORT dboot NAMESPACE dboot:: FILE dboot-targets.cmake DESTINATION ${kit_dir} COMPONENT kit)
  write_basic_package_version_file(
    ${PROJECT_BINARY_DIR}/dboot-config-version.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_SOURCE_DIR}/tools/cmake/dboot-config.cmake
                ${PROJECT_BINARY_DIR}/dboot-config-version.cmake DESTINATION ${kit_dir} COMPONENT kit)
  # Relative, for the prefix may be another one when it is installed.
  file(RELATIVE_PATH prefix_from_pkgconfig /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
  foreach(library system log plan network payload)
    set(requires_log dboot-system)
    set(requires_plan dboot-log)
    set(requires_network dboot-plan)
    set(requires_payload dboot-network)
    set(libs_network " -lnl-3")
    set(library_libs ${libs_${library}})
    set(library_requires ${requires_${library}})
    configure_file(${PROJECT_SOURCE_DIR}/tools/cmake/dboot.pc.in ${PROJECT_BINARY_DIR}/dboot-${library}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/dboot-${library}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT kit)
  endforeach()
endfunction()
