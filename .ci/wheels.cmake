# SPDX-FileCopyrightText: 2026 The focus_stacking_ros authors
# SPDX-License-Identifier: Apache-2.0
# For -DCMAKE_PROJECT_INCLUDE where ROS 2 is from PyPI: the targets in its wheels name folders of
# the machine that built them, at which CMake stops. At the end they are left out.
function(forget_missing_folders)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target ${targets})
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    set(present)
    foreach(folder ${folders})
      if(EXISTS "${folder}" OR folder MATCHES "^\\$<")
        list(APPEND present "${folder}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${present}")
  endforeach()
endfunction()
cmake_language(DEFER CALL forget_missing_folders)
