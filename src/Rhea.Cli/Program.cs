Console.Error.WriteLine("rhea: nothing to run yet");
return 1;
