"""What runs inside the component, between the processor and the author's module.

`app` is what componentize-py builds: the interpreter runs it once, at build, and the memory that it has then is what
every instance begins with. There are no files any more by then, so `archive` takes all modules along, and `importer`
imports from it what is imported later.
"""
