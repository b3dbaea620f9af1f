from .figures import RunFolders as RunFolders, collect_figures as collect_figures
