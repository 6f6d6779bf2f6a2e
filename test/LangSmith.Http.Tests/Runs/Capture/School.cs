namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>Entities that hold each other: each path through them is different.</summary>
internal static class School
{
    internal static List<Student> Create(int count)
    {
        var students = Enumerable.Range(0, count).Select(static i => new Student { Name = $"student {i}" }).ToList();
        var courses = Enumerable.Range(0, count).Select(static i => new Course { Name = $"course {i}" }).ToList();
        foreach (var student in students)
            student.Courses.AddRange(courses);
        foreach (var course in courses)
            course.Students.AddRange(students);
        return students;
    }
}

public class Student
{
    public int Id { get; set; }

    public string? Name { get; set; }

    public List<Course> Courses { get; set; } = [];
}

public class Course
{
    public int Id { get; set; }

    public string? Name { get; set; }

    public List<Student> Students { get; set; } = [];
}
