"""Known faults planted into healthy training programs: the yardstick of the localizer.

``operators`` plant one fault each into the source of a program, ``generate`` draws single and double faults evenly over
kinds and programs, ``record`` runs each variant once under the probe and keeps its trace, and keeps those variants
whose skill really drops. ``offline`` diagnoses the kept traces in milliseconds each, as often as checks change;
``judge`` compares what is named with what was planted, ``report`` writes it down, apart for families of programs that
anything may be fitted to and for those that are held out.
"""
